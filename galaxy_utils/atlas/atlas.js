"use strict";
// The atlas: all galaxies of a run on one canvas, without a library, a server or the network.
// Data come as JSON from the page. Text of the data enters the page as text, never as markup.
(() => {
const KINDS = {u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array, f8: Float64Array};
const CLASS_COLOURS = {edge_on: 4, elliptical: 5, merger: 7, spiral: -1, dont_know: 3};
const COLOURINGS = ["cluster", "class", "probability", "log_likelihood", "rpetro_circ", "sn_per_pixel"];
const VIRIDIS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
const STEPS = 16, MARGIN = {left: 52, right: 10, top: 10, bottom: 38}, REACH = 14, LISTED = 60;

// Arrays are packed as base64 of their bytes.
function unpack(_, value) {
  if (!value || value.base64 === undefined) return value;
  const text = atob(value.base64), bytes = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
  return new KINDS[value.type](bytes.buffer);
}

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const words = name => name === "dont_know" ? "don't know" : name.replaceAll("_", " ");
const digits = (value, number = 4) => String(Number(value.toPrecision(number)));

function quantile(values, share) {
  const sorted = Array.from(values).filter(Number.isFinite).sort((a, b) => a - b);
  return sorted[Math.round(share * (sorted.length - 1))];
}

function startAtlas(root) {
  const data = JSON.parse(root.querySelector(".atlas-data").textContent, unpack);
  const n = data.objid.length, {columns, labels, palette, nothing, sprite} = data;
  const find = selector => root.querySelector(selector);
  const control = name => find(`[name="${name}"]`);
  const canvas = find(".atlas-canvas"), context = canvas.getContext("2d");
  const state = {
    x: "", y: "", colour: "", pipeline: 0, number: String(data.own), view: null, lasso: null,
    lassoing: false, hover: -1, pinned: -1, shown: -2, selected: new Set(), legend: null,
  };
  const px = new Float32Array(n), py = new Float32Array(n);  // where each galaxy is on the canvas
  let buckets = [], x = [], y = [], width = 0, height = 0, waiting = false, style;

  // --- values -------------------------------------------------------------------------------

  const choice = () => data.pipelines[state.pipeline]?.choices[state.number];
  const nClusters = () => Number(state.number);

  function number(name, i) {
    const column = columns[name];
    return column && !column.codes ? column[i] : NaN;
  }

  function values(name) {
    if (name in data.layout) return data.layout[name];
    if (name === "probability") return Float32Array.from({length: n}, (_, i) => largest(i));
    return columns[name]?.codes ? new Float32Array() : columns[name] ?? new Float32Array();
  }

  function probabilities(i) {
    if (!choice()) return [];
    const k = nClusters(), own = choice().probabilities.subarray(i * k, (i + 1) * k);
    return own[0] === nothing ? [] : Array.from(own, half => half / 200);
  }

  function largest(i) {
    const shares = probabilities(i);
    return shares.length ? Math.max(...shares) : NaN;
  }

  const classOf = i => data.types.values[data.types.codes[i]] ?? "";
  const clusterOf = i => choice() && choice().cluster[i] !== nothing ? choice().cluster[i] : null;

  function groups(i) {
    const found = [];
    if (classOf(i)) found.push(`Galaxy Zoo: ${words(classOf(i))}`);
    if (clusterOf(i) !== null) found.push(`cluster ${clusterOf(i)}`);
    const anomaly = columns.anomaly ?? columns.is_anomaly;
    if (anomaly?.codes && anomaly.values[anomaly.codes[i]] === "True") found.push("anomaly");
    return found.join(", ") || "no class and no cluster";
  }

  function text(name, i) {  // as the catalogue's CSV has it
    if (name === "objid") return harmless(data.objid[i]);
    const column = columns[name];
    if (column.codes) return harmless(column.values[column.codes[i]] ?? "");
    if (Number.isNaN(column[i])) return "";
    return digits(column[i], column instanceof Float64Array ? 10 : 6);
  }

  // --- colours ------------------------------------------------------------------------------

  const colourOf = index =>
    index < 0 ? "#767676" : index % 8 === 7 ? style.text : palette[index % palette.length];

  function recolour() {
    const shades = new Uint8Array(n).fill(nothing);
    let entries = [], ramp = null;
    if (state.colour === "cluster" && choice()) {
      shades.set(choice().cluster);
      entries = Array.from({length: nClusters()}, (_, c) => [`cluster ${c}`, colourOf(c)]);
    } else if (state.colour === "class") {
      data.types.codes.forEach((code, i) => { shades[i] = Math.min(code, nothing); });
      entries = data.types.values.map((name, c) => [words(name), colourOf(CLASS_COLOURS[name] ?? c)]);
    } else {
      const column = values(state.colour);
      const low = quantile(column, 0.02), high = quantile(column, 0.98);
      column.forEach((value, i) => {
        const share = (value - low) / (high - low || 1);
        if (Number.isFinite(share)) shades[i] = clamp(Math.floor(share * STEPS), 0, STEPS - 1);
      });
      entries = Array.from({length: STEPS}, (_, s) => [null, viridis((s + 0.5) / STEPS)]);
      ramp = [low, high];
    }
    buckets = [...entries.map(([, colour]) => ({colour, rows: []})), {colour: style.faint, rows: []}];
    shades.forEach((shade, i) => buckets[Math.min(shade, entries.length)].rows.push(i));
    buckets.unshift(buckets.pop());  // those without a colour lie below the others
    showLegend(entries, ramp);
    schedule();
  }

  function viridis(share) {
    const place = share * (VIRIDIS.length - 1), low = Math.min(Math.floor(place), VIRIDIS.length - 2);
    const mixed = VIRIDIS[low].map((c, b) => Math.round(c + (VIRIDIS[low + 1][b] - c) * (place - low)));
    return `rgb(${mixed.join(",")})`;
  }

  function showLegend(entries, ramp) {
    const legend = find(".atlas-legend");
    state.legend = null;
    if (ramp) {
      const gradient = `linear-gradient(90deg, ${entries.map(([, colour]) => colour).join(",")})`;
      const bar = make("span", {className: "atlas-ramp"});
      bar.style.background = gradient;
      const ends = ramp.map(end => end === undefined ? "" : digits(end, 3));
      legend.replaceChildren(make("span", {}, ends[0]), bar, make("span", {}, ends[1]));
      return;
    }
    const some = buckets[0].rows.length ? [["none", style.faint]] : [];
    legend.replaceChildren(...[...entries, ...some].map(([label, colour], index) => {
      const {rows} = buckets[(index + 1) % buckets.length];
      const swatch = make("span", {className: "atlas-swatch"});
      swatch.style.background = colour;
      const button = make("button", {type: "button"}, swatch, `${label} (${rows.length})`);
      button.setAttribute("aria-pressed", "false");
      button.onclick = () => {
        const again = state.legend === button;
        select(again ? [] : rows);
        state.legend = again ? null : button;
        if (!again) button.setAttribute("aria-pressed", "true");
      };
      return button;
    }));
  }

  // --- drawing ------------------------------------------------------------------------------

  function schedule() {
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
  }

  function restyle() {
    const read = getComputedStyle(root);
    const variable = name => read.getPropertyValue(`--atlas-${name}`).trim();
    style = {text: variable("text"), line: variable("line"), faint: variable("faint"), focus: variable("focus")};
    recolour();
  }

  function resize() {
    const ratio = window.devicePixelRatio || 1;
    ({width, height} = canvas.getBoundingClientRect());
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    schedule();
  }

  // The axes hold all but the most extreme half per cent at either end.
  function showAll() {
    const range = column => {
      const low = quantile(column, 0.005) ?? 0, high = quantile(column, 0.995) ?? 1;
      const pad = 0.06 * (high - low) || 0.5;
      return [low - pad, high + pad];
    };
    [state.view.left, state.view.right] = range(x);
    [state.view.low, state.view.high] = range(y);
    schedule();
  }

  function place() {
    const {left, right, low, high} = state.view;
    const acrossScale = (width - MARGIN.left - MARGIN.right) / (right - left);
    const upScale = (height - MARGIN.top - MARGIN.bottom) / (high - low);
    for (let i = 0; i < n; i++) {
      px[i] = MARGIN.left + (x[i] - left) * acrossScale;
      py[i] = height - MARGIN.bottom - (y[i] - low) * upScale;
    }
  }

  const inside = i => px[i] > MARGIN.left && px[i] < width - MARGIN.right
    && py[i] > MARGIN.top && py[i] < height - MARGIN.bottom;

  function draw() {
    waiting = false;
    if (!width || !n) return;
    place();
    context.clearRect(0, 0, width, height);
    const size = n > 20000 ? 2 : n > 1000 ? 3 : 5, some = state.selected.size > 0;
    for (const chosen of some ? [false, true] : [true]) {
      context.globalAlpha = chosen ? 0.9 : 0.2;
      for (const {colour, rows} of buckets) {
        context.fillStyle = colour;
        for (const i of rows) {
          if (inside(i) && (!some || state.selected.has(i) === chosen)) {
            context.fillRect(px[i] - size / 2, py[i] - size / 2, size, size);
          }
        }
      }
    }
    context.globalAlpha = 1;
    drawAxes();
    for (const [i, radius] of [[state.hover, 7], [state.pinned, 9]]) if (i >= 0 && inside(i)) ring(i, radius);
    if (state.lasso) {
      context.strokeStyle = style.focus;
      context.lineWidth = 2;
      context.beginPath();
      state.lasso.forEach(([x, y]) => context.lineTo(x, y));
      context.stroke();
    }
  }

  function ring(i, radius) {
    context.strokeStyle = style.text;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(px[i], py[i], radius, 0, 2 * Math.PI);
    context.stroke();
  }

  const labelOf = name => labels[name][0] + (labels[name][1] && ` (${labels[name][1]})`);

  function drawAxes() {
    const {left, right, low, high} = state.view, bottom = height - MARGIN.bottom;
    context.fillStyle = style.text;
    context.font = "12px system-ui, sans-serif";
    context.textAlign = "center";
    for (const [value, share] of ticks(state.x, left, right)) {
      context.fillText(value, MARGIN.left + share * (width - MARGIN.left - MARGIN.right), bottom + 14);
    }
    context.fillText(labelOf(state.x), (MARGIN.left + width) / 2, bottom + 31);
    context.textAlign = "right";
    for (const [value, share] of ticks(state.y, low, high)) {
      context.fillText(value, MARGIN.left - 4, bottom - share * (bottom - MARGIN.top) + 4);
    }
    context.save();
    context.translate(12, (MARGIN.top + bottom) / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText(labelOf(state.y), 0, 0);
    context.restore();
  }

  function ticks(name, low, high) {  // none for UMAP, whose distances mean little
    if (name in data.layout) return [];
    const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
    const step = power * ([1, 2, 5].find(m => m * power >= rough) ?? 10), found = [];
    for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) {
      found.push([digits(tick, 3), (tick - low) / (high - low)]);
    }
    return found;
  }

  // --- pictures -----------------------------------------------------------------------------

  const spritePlace = new Map(sprite ? Array.from(sprite.rows, (row, index) => [row, index]) : []);
  const sheet = new Image();
  const sheetReady = sprite ? new Promise(done => { sheet.onload = done; sheet.src = sprite.image; }) : null;

  function picture(i, side) {
    const photograph = spritePlace.has(i), grain = photograph ? side : Math.max(side / 2, 40);
    const shown = make("canvas", {width: grain, height: grain}), drawing = shown.getContext("2d");
    shown.style.width = `${side}px`;
    shown.setAttribute("role", "img");
    if (photograph) {
      const index = spritePlace.get(i), s = sprite.side;
      sheetReady.then(() => drawing.drawImage(
        sheet, index % sprite.columns * s, Math.floor(index / sprite.columns) * s, s, s, 0, 0, side, side));
    } else if (!drawGalaxy(drawing, grain, i)) {
      return [null, "no photograph, and not measured"];
    }
    const what = photograph ? "photograph" : "drawn from measurements, not a photograph";
    shown.setAttribute("aria-label", `${data.objid[i]}, ${what}`);
    return [shown, what];
  }

  // A smooth galaxy of the measured radius, axis ratio, concentration, colours and S/N in the
  // central 128 pixels of a frame. Its orientation and the noise follow from its row.
  function drawGalaxy(drawing, side, i) {
    const radius = number("rpetro_circ", i), given = (name, other) => number(name, i) || other;
    if (!(radius > 0)) return false;
    const ratio = clamp(given("axis_ratio", 0.8), 0.1, 1), angle = 2.4 * i;
    const sersic = clamp(1.3 * given("concentration", 2.7) - 2.5, 0.5, 5), b = 2 * sersic - 1 / 3;
    const green = 10 ** (0.4 * given("colour_gr", 0.5)), red = green * 10 ** (0.4 * given("colour_ri", 0.2));
    const bands = [red, green, 1].map(band => band / Math.max(1, green, red)), scale = Math.max(128, 3 * radius) / side;
    const light = new Float32Array(side * side);
    let total = 0, counted = 1, seed = i + 1;
    for (let p = 0; p < light.length; p++) {
      const x = (p % side + 0.5 - side / 2) * scale, y = (Math.floor(p / side) + 0.5 - side / 2) * scale;
      const along = x * Math.cos(angle) + y * Math.sin(angle), across = y * Math.cos(angle) - x * Math.sin(angle);
      const r = Math.hypot(along, across / ratio) / (radius / 2);
      light[p] = Math.exp(-b * (Math.max(r, scale / radius) ** (1 / sersic) - 1));
      if (r < 2) { total += light[p]; counted += 1; }
    }
    const pixels = drawing.createImageData(side, side);
    for (let p = 0; p < light.length; p++) {
      let noise = -3;
      for (let k = 0; k < 6; k++) noise += (seed = seed * 48271 % 2147483647) / 2147483647;
      const signal = light[p] * counted / total * given("sn_per_pixel", 10);
      const bright = band => 255 * Math.asinh((signal * band + 1.2 * noise + 1) / 3) / Math.asinh(20);
      pixels.data.set([...bands.map(bright), 255], 4 * p);
    }
    drawing.putImageData(pixels, 0, 0);
    return true;
  }

  // --- the galaxy that is looked at ---------------------------------------------------------

  function skyServer(i) {
    const objid = data.objid[i], ra = number("ra", i), dec = number("dec", i);
    if (!/^(1237|58[78])\d{14,15}$/.test(objid)) return null;
    const site = "https://skyserver.sdss.org", page = `${site}/dr17/VisualTools/explore/summary`;
    if (Number.isFinite(ra + dec)) return `${page}?ra=${ra}&dec=${dec}`;
    return objid.startsWith("1237") ? `${page}?objId=${objid}` : `${site}/dr7/en/tools/explore/obj.asp?id=${objid}`;
  }

  function measurement(name, i) {
    const value = number(name, i), error = data.errors[name]?.[i], [label, unit] = labels[name];
    const shown = error > 0 ? `${digits(value, 3)} ± ${digits(error, 2)}` : digits(value, 4);
    return make("tr", {}, make("th", {scope: "row"}, label), make("td", {}, `${shown} ${unit}`.trim()));
  }

  function show(i) {
    if (state.shown === i) return;
    state.shown = i;
    const panel = find(".atlas-galaxy");
    if (i < 0) return panel.replaceChildren(make("p", {}, "Point at a galaxy. A click pins it."));
    const [image, what] = picture(i, 160), link = skyServer(i), parts = [make("h2", {}, data.objid[i])];
    if (image) parts.push(image);
    parts.push(make("small", {}, what));
    if (link) parts.push(make("p", {}, make("a", {href: link, target: "_blank", rel: "noopener"}, "SkyServer")));
    parts.push(make("p", {}, groups(i)));
    for (const name of ["drop_reason", "reason"]) {
      const reason = columns[name]?.codes ? columns[name].values[columns[name].codes[i]] : "";
      if (reason) parts.push(make("small", {}, reason));
    }
    const shares = probabilities(i);
    if (shares.length) parts.push(make("h3", {}, "Cluster probabilities"));
    shares.forEach((share, c) => {
      const bar = make("b");
      bar.style.cssText = `width: ${100 * share}%; background: ${colourOf(c)}`;
      parts.push(make("div", {className: "atlas-share"}, make("span", {}, `cluster ${c}`),
        make("span", {}, bar), make("span", {}, `${Math.round(100 * share)} %`)));
    });
    const nearest = neighbours(i);
    if (nearest.length) {
      parts.push(make("h3", {}, "Nearest galaxies"),
        make("div", {className: "atlas-neighbours"}, ...nearest.map(thumbnail)));
    }
    const measured = Object.keys(labels).filter(name => Number.isFinite(number(name, i)));
    const rows = measured.map(name => measurement(name, i));
    parts.push(make("h3", {}, "Measurements"), make("table", {}, make("tbody", {}, ...rows)));
    panel.replaceChildren(...parts);
    panel.scrollTop = 0;
  }

  function neighbours(i) {
    const all = data.pipelines[state.pipeline]?.neighbours;
    if (!all) return [];
    const each = all.length / n;
    return Array.from(all.subarray(i * each, (i + 1) * each)).filter(row => row < n);
  }

  function thumbnail(i) {
    const [image] = picture(i, 48), objid = data.objid[i];
    const button = make("button", {type: "button", title: `${objid}: ${groups(i)}`, onclick: () => pin(i)});
    if (image) { image.setAttribute("aria-hidden", "true"); button.append(image); }
    if (clusterOf(i) !== null) button.style.borderBottom = `3px solid ${colourOf(clusterOf(i))}`;
    button.append(words(classOf(i)) || (objid.length > 6 ? `…\u2060${objid.slice(-5)}` : objid));
    button.setAttribute("aria-label", `${objid} ${words(classOf(i))}`);
    return button;
  }

  function hover(i) {
    if (i === state.hover) return;
    state.hover = i;
    show(i >= 0 ? i : state.pinned);
    schedule();
  }

  function pin(i) {
    state.pinned = i;
    state.hover = -1;
    history.replaceState(null, "", i < 0 ? "#" : `#objid=${encodeURIComponent(data.objid[i])}`);
    show(i);
    if (i >= 0) bringIntoView(i);
    schedule();
  }

  function bringIntoView(i) {
    place();
    const {view} = state;
    if (inside(i) || !Number.isFinite(x[i] + y[i])) return;
    const across = (view.right - view.left) / 2, up = (view.high - view.low) / 2;
    Object.assign(view, {left: x[i] - across, right: x[i] + across, low: y[i] - up, high: y[i] + up});
  }

  function nearestTo(x, y, fits) {
    let found = -1, least = Infinity;
    for (let i = 0; i < n; i++) {  // some tenths of a millisecond for 50,000: no index is needed
      const dx = px[i] - x, dy = py[i] - y, distance = dx * dx + dy * dy;
      if (distance < least && inside(i) && fits(dx, dy, i)) { least = distance; found = i; }
    }
    return found;
  }

  const under = (x, y) => nearestTo(x, y, (dx, dy) => dx * dx + dy * dy < REACH * REACH);

  // --- selection ----------------------------------------------------------------------------

  function select(rows) {
    state.selected = new Set(rows);
    state.legend = null;
    root.querySelectorAll(".atlas-legend button").forEach(b => b.setAttribute("aria-pressed", "false"));
    const all = rows.length || !data.listed ? Array.from(rows) : [...data.objid.keys()];
    find(".atlas-count").textContent = (rows.length ? `${rows.length} selected` : "Nothing is selected: the download holds all galaxies")
      + (all.length > LISTED ? `; the first ${LISTED} are listed.` : ".");
    find(".atlas-selection ul").replaceChildren(...all.slice(0, LISTED).map(i => make("li", {}, thumbnail(i))));
    schedule();
  }

  function within([x, y], polygon) {
    let odd = false;
    polygon.forEach(([x1, y1], k) => {
      const [x2, y2] = polygon[(k + 1) % polygon.length];
      if ((y1 > y) !== (y2 > y) && x < x1 + (y - y1) / (y2 - y1) * (x2 - x1)) odd = !odd;
    });
    return odd;
  }

  // A spreadsheet computes what begins like a formula: such text gets an apostrophe.
  const harmless = value => /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  const quoted = value => /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;

  function csv() {
    const rows = state.selected.size ? [...state.selected].sort((a, b) => a - b) : [...data.objid.keys()];
    const lines = rows.map(i => data.order.map(name => quoted(text(name, i))).join(","));
    return [data.order.join(","), ...lines, ""].join("\n");
  }

  function download() {
    const address = URL.createObjectURL(new Blob([csv()], {type: "text/csv"}));
    make("a", {href: address, download: `atlas-${data.run}.csv`}).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }

  // --- scores -------------------------------------------------------------------------------

  function showScores() {
    const choices = Object.entries(data.pipelines[state.pipeline]?.choices ?? {});
    const shown = (value, form) => (value ?? null) === null ? "–" : value.toFixed(form);
    const lines = [["ARI with Galaxy Zoo classes", "ari", 3], ["ARI of the null", "ari_null", 3],
      ["BIC per galaxy", "bic", 2], ["BIC of the null", "bic_null", 2]]
      .filter(([, key]) => choices.some(([, found]) => (found[key] ?? null) !== null));
    find(".atlas-compared").hidden = !lines.length;
    const cell = (tag, content, number) => make(tag, {className: number === state.number ? "atlas-now" : ""}, content);
    const head = make("tr", {}, make("th", {scope: "row"}, "clusters"), ...choices.map(([k]) => cell("td", k, k)));
    const body = lines.map(([label, key, form]) => make("tr", {}, make("th", {scope: "row"}, label),
      ...choices.map(([k, found]) => cell("td", shown(found[key], form), k))));
    find(".atlas-scores").replaceChildren(make("table", {}, make("tbody", {}, head, ...body)));
  }

  function rechoose() {
    const numbers = Object.keys(data.pipelines[state.pipeline]?.choices ?? {});
    control("number").replaceChildren(...numbers.map(k => new Option(k, k)));
    if (numbers.length && !numbers.includes(state.number)) state.number = numbers[0];
    control("number").value = state.number;
    showScores();
    readAxes();
    state.shown = -2;
    show(state.pinned);
    select([]);
    recolour();
  }

  // --- what the reader does -----------------------------------------------------------------

  function at(event) {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  function zoom(factor, x = (MARGIN.left + width) / 2, y = (height - MARGIN.bottom) / 2) {
    const {view} = state, across = (x - MARGIN.left) / (width - MARGIN.left - MARGIN.right);
    const up = (height - MARGIN.bottom - y) / (height - MARGIN.top - MARGIN.bottom);
    const fx = view.left + across * (view.right - view.left), fy = view.low + up * (view.high - view.low);
    Object.assign(view, {
      left: fx + (view.left - fx) * factor, right: fx + (view.right - fx) * factor,
      low: fy + (view.low - fy) * factor, high: fy + (view.high - fy) * factor,
    });
    schedule();
  }

  function pan(dx, dy) {
    const {view} = state;
    const x = dx / (width - MARGIN.left - MARGIN.right) * (view.right - view.left);
    const y = dy / (height - MARGIN.top - MARGIN.bottom) * (view.high - view.low);
    Object.assign(view, {left: view.left - x, right: view.right - x, low: view.low + y, high: view.high + y});
    schedule();
  }

  let drag = null;
  canvas.addEventListener("pointerdown", event => {
    canvas.setPointerCapture(event.pointerId);
    drag = {last: at(event), moved: 0};
    state.lasso = state.lassoing || event.shiftKey ? [at(event)] : null;
  });
  canvas.addEventListener("pointermove", event => {
    const [x, y] = at(event);
    if (!drag) return hover(under(x, y));
    const [dx, dy] = [x - drag.last[0], y - drag.last[1]];
    drag = {last: [x, y], moved: drag.moved + Math.hypot(dx, dy)};
    if (state.lasso) state.lasso.push([x, y]);
    else if (drag.moved > 4) pan(dx, dy);
    schedule();
  });
  canvas.addEventListener("pointerup", event => {
    if (drag && drag.moved <= 4) pin(under(...at(event)));
    else if (state.lasso) select([...data.objid.keys()].filter(i => inside(i) && within([px[i], py[i]], state.lasso)));
    drag = state.lasso = null;
    schedule();
  });
  canvas.addEventListener("pointercancel", () => { drag = state.lasso = null; schedule(); });
  canvas.addEventListener("pointerleave", () => hover(-1));
  const alone = document.body.classList.contains("atlas-alone");
  canvas.addEventListener("wheel", event => {  // in a page of the book the wheel first scrolls it
    if (!alone && !event.ctrlKey && document.activeElement !== canvas) return;
    event.preventDefault();
    zoom(Math.exp(clamp(event.deltaY, -200, 200) / 400), ...at(event));
  }, {passive: false});

  const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
  const KEYS = {
    "+": () => zoom(0.8), "-": () => zoom(1.25), "0": showAll, Enter: () => pin(state.hover),
    Escape: () => { select([]); pin(-1); },
  };
  canvas.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in ARROWS) step(...ARROWS[event.key]);
    else if (event.key in KEYS) KEYS[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  // To the nearest galaxy within 45 degrees of a direction, from the middle if none is looked at.
  function step(ux, uy) {
    place();
    const from = state.hover >= 0 ? state.hover : state.pinned;
    const known = from >= 0 && inside(from);
    const found = known
      ? nearestTo(px[from], py[from], (dx, dy) => dx * ux + dy * uy > 0.5 && Math.abs(dx * uy - dy * ux) <= dx * ux + dy * uy)
      : nearestTo(width / 2, height / 2, () => true);
    if (found < 0) return;
    hover(found);
    say(`${data.objid[found]}: ${groups(found)}`);
  }

  const say = message => { find(".atlas-status").textContent = message; };

  function search(wanted) {
    const asked = wanted.trim().toLowerCase();
    const exact = data.objid.findIndex(objid => objid.toLowerCase() === asked);
    const i = exact >= 0 || !asked ? exact : data.objid.findIndex(objid => objid.toLowerCase().includes(asked));
    if (asked) say(i < 0 ? `No galaxy is called ${wanted.trim()}.` : `${data.objid[i]} is shown.`);
    if (i >= 0) pin(i);
  }

  function openAddress() {
    const asked = /^#objid=(.+)$/.exec(location.hash);
    if (!asked) return;
    try { search(decodeURIComponent(asked[1])); } catch { say("This address names no galaxy."); }
  }

  // --- start --------------------------------------------------------------------------------

  const axes = Object.keys(labels).filter(name =>
    name === "probability" ? data.pipelines.length : values(name).some(Number.isFinite));
  const names = {cluster: "cluster", class: "Galaxy Zoo class"};
  const colourings = COLOURINGS.filter(name =>
    name === "cluster" ? data.pipelines.length : name === "class" ? data.types.values.length : axes.includes(name));

  function options(name, entries, change) {
    control(name).replaceChildren(...entries.map(([value, label]) => new Option(label, value)));
    control(name).onchange = event => { state[name] = event.target.value; change(); };
    control(name).disabled = entries.length < 2 && name === "pipeline";
  }

  function readAxes() {
    [x, y] = [values(state.x), values(state.y)];
    const lost = x.reduce((count, value, i) => count + !Number.isFinite(value + y[i]), 0);
    say(lost ? `${lost} of ${n} galaxies have no value on these axes and are not drawn.` : "");
  }

  function changeAxes() {
    readAxes();
    showAll();
  }

  if (!n || axes.length < 2) {
    root.prepend(make("p", {className: "atlas-note"}, "There is no galaxy that could be drawn."));
    return;
  }
  find(".atlas-app").hidden = false;
  state.view = {};
  [state.x, state.y] = axes;
  state.colour = colourings[0] ?? axes[0];
  options("x", axes.map(name => [name, labels[name][0]]), changeAxes);
  options("y", axes.map(name => [name, labels[name][0]]), changeAxes);
  options("colour", (colourings.length ? colourings : [axes[0]]).map(name => [name, names[name] ?? labels[name][0]]), recolour);
  options("pipeline", data.pipelines.map(({name}, index) => [index, name]), rechoose);
  options("number", [], rechoose);
  control("x").value = state.x;
  control("y").value = state.y;
  find("form").onsubmit = event => { event.preventDefault(); search(control("objid").value); };
  control("lasso").onclick = event => {
    state.lassoing = !state.lassoing;
    event.currentTarget.setAttribute("aria-pressed", state.lassoing);
    canvas.classList.toggle("atlas-lassoing", state.lassoing);
  };
  control("in").onclick = () => zoom(0.8);
  control("out").onclick = () => zoom(1.25);
  control("all").onclick = showAll;
  control("large").hidden = !document.fullscreenEnabled;
  control("large").onclick = () => document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen();
  control("download").onclick = download;
  control("clear").onclick = () => select([]);
  restyle();
  resize();
  rechoose();
  changeAxes();
  openAddress();
  new ResizeObserver(resize).observe(canvas);
  new MutationObserver(restyle).observe(document.documentElement, {attributeFilter: ["data-theme"]});
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
  window.addEventListener("hashchange", openAddress);
}

document.querySelectorAll(".atlas").forEach(startAtlas);
})();
