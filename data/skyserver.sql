-- The paper's data set as one statement: g, r, i images of galaxies of SDSS DR17
-- with spectra, z < 0.1, clean photometry, "randomly scraped". T-SQL, for SkyServer's
-- SqlSearch (galaxy-book skyserver) or CasJobs (context DR17).
--
-- Parameters, filled in as checked numbers by galaxy_utils/data/paper_sample.py:
--   $number  rows (paper: 5000)    $seed  from 0 to 2147483647    $z_max  (paper: 0.1)
--
-- The order is pseudo-random and the same everywhere: a cubic permutation of
-- objID modulo the prime p = 2147483579, ties by objID. It is cubic since a linear
-- one keeps the lattice of run, camcol, field and object that an objID encodes; and
-- cubing permutes the residues, for 3 does not divide p - 1. All factors are below
-- 2^31, so no product leaves bigint. A smaller $number gives the first rows of a larger.
--
-- specObjID joins both ways: a large galaxy may have several spectra, and comes once.
-- Votes: Galaxy Zoo 1, table 2 (Lintott et al. 2011); empty where it has no such galaxy.
SELECT TOP $number
    p.objID AS objid,
    p.ra AS ra,
    p.dec AS dec,
    s.z AS z,
    p.petroR50_r AS petroR50_r,
    p.petroR90_r AS petroR90_r,
    v.dr7objid AS dr7objid,
    v.nvote AS nvote,
    v.p_el AS p_el,
    v.p_cw AS p_cw,
    v.p_acw AS p_acw,
    v.p_edge AS p_edge,
    v.p_dk AS p_dk,
    v.p_mg AS p_mg,
    v.p_cs AS p_cs,
    v.p_el_debiased AS p_el_debiased,
    v.p_cs_debiased AS p_cs_debiased,
    v.spiral AS spiral,
    v.elliptical AS elliptical,
    v.uncertain AS uncertain
FROM SpecObj AS s
JOIN PhotoPrimary AS p ON p.objID = s.bestObjID AND p.specObjID = s.specObjID
LEFT JOIN zooSpec AS v ON v.specObjID = s.specObjID
CROSS APPLY (
    SELECT (
        p.objID % 2147483579 * 1073741789 + CAST($seed AS bigint) * 1073741783
    ) % 2147483579 AS y
) AS h
WHERE s.class = 'GALAXY'
    AND s.zWarning = 0
    AND s.z > 0
    AND s.z < $z_max
    AND p.type = 3
    AND p.clean = 1
    AND p.petroR50_r > 0
ORDER BY h.y * h.y % 2147483579 * h.y % 2147483579, p.objID
