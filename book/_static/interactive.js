"use strict";
// Figures that answer back, without a library, a server or the network. Each finds its data beside
// it as JSON: sliders, bars, and either the values of every setting or what they are computed from.
(() => {
const SHUFFLES = 20;  // of each partition

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

// The same random numbers on every visit (Park & Miller 1988).
function randomNumbers(seed) {
  return () => (seed = seed * 48271 % 2147483647) / 2147483647;
}

function shuffled(labels, random) {
  const mixed = labels.slice();
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [mixed[i], mixed[j]] = [mixed[j], mixed[i]];
  }
  return mixed;
}

// Most galaxies that pairs of a class and a cluster can hold, by the set of classes already paired.
function matched(counts, nClusters) {
  let best = new Array(16).fill(-Infinity);
  best[0] = 0;
  for (let cluster = 0; cluster < nClusters; cluster++) {
    const next = best.slice();
    for (let taken = 0; taken < 16; taken++) {
      for (let c = 0; c < 4; c++) {
        if (taken & 1 << c) continue;
        next[taken | 1 << c] = Math.max(next[taken | 1 << c], best[taken] + counts[c * nClusters + cluster]);
      }
    }
    best = next;
  }
  return Math.max(...best);
}

// Accuracy, accuracy of shuffled labels and largest class, by limits in C and A.
function startRules({concentration, asymmetry, partitions, classes}) {
  const n = concentration.length, random = randomNumbers(1);
  const real = partitions.map(text => Uint8Array.from(text, letter => parseInt(letter, 36)));
  const mixed = real.flatMap(labels => Array.from({length: SHUFFLES}, () => shuffled(labels, random)));
  const nClusters = 1 + real.reduce((most, labels) => labels.reduce((a, b) => Math.max(a, b), most), 0);
  return ([early, late, merger]) => {
    const codes = concentration.map((c, i) =>
      asymmetry[i] > merger ? 0 : c > early ? 1 : c > late ? 2 : 3);
    const accuracy = labels => {
      const counts = new Uint32Array(4 * nClusters);
      for (let i = 0; i < n; i++) counts[codes[i] * nClusters + labels[i]] += 1;
      return 100 * matched(counts, nClusters) / n;
    };
    const mean = all => all.reduce((sum, labels) => sum + accuracy(labels), 0) / all.length;
    const sizes = [0, 0, 0, 0];
    for (const code of codes) sizes[code] += 1;
    const largest = Math.max(...sizes);
    return {
      values: [mean(real), mean(mixed), 100 * largest / n],
      notes: ["", "", `: ${classes[sizes.indexOf(largest)]}`],
    };
  };
}

function startFigure(root) {
  const data = JSON.parse(root.querySelector("script").textContent);
  const setting = data.sliders.map(({start}) => start);
  const row = () => setting.reduce((sum, place, k) => sum * data.sliders[k].settings.length + place, 0);
  const answer = data.rules ? startRules(data.rules) : () => ({values: data.rows[row()]});

  const sliders = data.sliders.map(({label, settings, start}, k) => {
    const input = make("input", {type: "range", min: 0, max: settings.length - 1, value: start});
    const shown = make("span", {className: "interactive-value"});
    input.setAttribute("aria-label", label);
    const move = place => {
      setting[k] = place;
      input.value = place;
      shown.textContent = settings[place];
      input.setAttribute("aria-valuetext", settings[place]);
    };
    input.oninput = () => { move(Number(input.value)); update(); };
    move(start);
    return {start, move, row: make("div", {className: "interactive-row"}, make("span", {}, label), input, shown)};
  });

  const share = ({low, high}, value) => 100 * Math.min(Math.max((value - low) / (high - low || 1), 0), 1);
  const atStart = answer(setting).values;
  const bars = data.bars.map((bar, k) => {
    const label = make("span"), length = make("b"), value = make("span", {className: "interactive-value"});
    const mark = make("i"), track = make("div", {className: "interactive-bar"}, length, mark);
    length.style.background = bar.colour;
    mark.style.left = `${share(bar, atStart[k])}%`;
    mark.hidden = atStart[k] === null;
    track.setAttribute("aria-hidden", "true");
    return {bar, label, length, value, row: make("div", {className: "interactive-row"}, label, track, value)};
  });
  const pictures = (data.pictures ?? []).map(({image, caption, rank}) => ({
    rank, item: make("li", {}, ...(image ? [make("img", {src: image, alt: ""})] : []), caption),
  }));
  const view = data.views && make("img", {alt: "The galaxy at this setting", className: "interactive-view"});
  const status = make("p", {className: "interactive-status"});
  status.setAttribute("role", "status");

  function update() {
    const {values, notes = []} = answer(setting);
    bars.forEach(({bar, label, length, value}, k) => {
      const known = values[k] !== null;
      label.textContent = bar.label + (notes[k] ?? "");
      length.style.width = `${known ? share(bar, values[k]) : 0}%`;
      value.textContent = known ? values[k].toFixed(bar.digits).replace("-", "−") + bar.unit : "–";
    });
    if (view) view.src = data.views[row()];
    const called = data.called?.[setting[0]];
    pictures.forEach(({rank, item}) => item.classList.toggle("interactive-called", rank < called));
    status.textContent = bars.map(({label, value}) => `${label.textContent} ${value.textContent}`).join("; ");
  }

  const reset = make("button", {type: "button", onclick: () => {
    sliders.forEach(({start, move}) => move(start));
    update();
  }}, "Reset");
  root.append(
    make("p", {}, `${data.title} Lines mark the values at the start. `, reset),
    make("div", {className: "interactive-top"}, make("div", {}, ...sliders.map(({row}) => row)), ...(view ? [view] : [])),
    make("div", {className: "interactive-bars"}, ...bars.map(({row}) => row)),
    ...(data.note ? [make("p", {}, data.note)] : []),
    ...(pictures.length ? [make("ul", {}, ...pictures.map(({item}) => item))] : []),
    status,
  );
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", data.title);
  update();
  status.textContent = "";  // nothing is announced before the reader moves something
  root.hidden = false;
}

document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".interactive").forEach(startFigure));
})();
