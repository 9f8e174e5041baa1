// The controls: costs, a budget, a threshold, a prevalence and a setting, over counted tables.
// Letters: G knots, thresholds at which cases were counted; b the prevalence; k factor of the odds.
"use strict";
(async () => {
  const $ = (id) => document.getElementById(id);
  if (!$("study-data") || !window.DecompressionStream) return;
  const study = JSON.parse($("study-data").textContent);
  const knots = study.threshold.map((t) => (t === null ? Infinity : t));
  const G = knots.length;

  // ---- tables -------------------------------------------------------------------------------

  const inflated = async (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };

  const reader = (bytes) => {
    let at = 0;
    const number = () => {
      let n = 0, unit = 1, byte;
      do {
        byte = bytes[at++];
        n += (byte & 127) * unit;
        unit *= 128;
      } while (byte > 127);
      return n;
    };
    return (scale, total) => {
      const table = new Float64Array(G), whole = Math.round(total * scale);
      let sum = 0;
      for (let g = G - 1; g >= 0; g--) {
        sum += number();
        table[g] = sum === whole ? total : sum / scale;
      }
      return table;
    };
  };

  const table = reader(await inflated($("study-tables").textContent));
  const [fpScale, tpScale] = study.scales;
  const counts = () => ({ tp: table(tpScale, study.positives), fp: table(fpScale, study.negatives) });
  for (const setting of study.settings)
    Object.assign(setting, counts(), { bySeed: (setting.seeds ? setting.seeds.tp : []).map(counts) });
  const numberOf = (name) => String(study.settings.findIndex((setting) => setting.name === name));
  const byName = new Map(study.settings.map((setting) => [setting.name, setting]));
  const twin = byName.get("none");

  // ---- arithmetic ---------------------------------------------------------------------------

  const state = { ...study.start, threshold: knots[study.start.knot] };
  const counted = study.start.prevalence;
  const moved = (p, k) => {
    if (k === 1 || p <= 0 || p >= 1) return p;
    const odds = (p / (1 - p)) * k;
    return odds / (1 + odds);
  };
  const factor = () => state.prevalence / (1 - state.prevalence) / (counted / (1 - counted));
  const first = (holds) => {
    let low = 0, high = G - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (holds(middle)) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  const rates = (tp, fp) => ({ recall: tp / study.positives, alarm: fp / study.negatives });
  const flagged = (r) => state.prevalence * r.recall + (1 - state.prevalence) * r.alarm;
  const cost = (r) => {
    const [tn, tp] = study.right, b = state.prevalence;
    const missed = r.recall * tp + (1 - r.recall) * state.miss;
    const alarmed = r.alarm * state.alarm + (1 - r.alarm) * tn;
    return 1000 * (b * missed + (1 - b) * alarmed);
  };
  const constant = () => Math.min(cost({ recall: 0, alarm: 0 }), cost({ recall: 1, alarm: 1 }));
  const implied = () => {
    const [tn, tp] = study.right, alarm = state.alarm - tn;
    return alarm / (alarm + state.miss - tp);
  };
  const knotOf = (threshold) => {
    const t = moved(threshold, 1 / factor()) * (1 - 1e-12); // there and back again is no other knot
    return first((g) => knots[g] >= t);
  };
  const atKnot = (g) => (knots[g] === Infinity ? Infinity : moved(knots[g], factor()));
  const knotFor = (counts) => {
    if (state.by === "alerts") {
      const most = (state.alerts / 1000) * (1 + 1e-9);
      return first((g) => flagged(rates(counts.tp[g], counts.fp[g])) <= most);
    }
    return state.knot;
  };
  const point = (counts, g = knotFor(counts)) => {
    const tp = counts.tp[g], fp = counts.fp[g], r = rates(tp, fp), b = state.prevalence;
    const share = flagged(r), own = cost(r), least = constant();
    return {
      ...r, knot: g, tp, fp, fn: study.positives - tp, tn: study.negatives - fp, cost: own,
      flagged: share,
      precision: share > 0 ? (b * r.recall) / share : null,
      share: least > 0 ? own / least : null,
      cases: [b * r.recall, b * (1 - r.recall), (1 - b) * r.alarm, (1 - b) * (1 - r.alarm)].map(
        (part) => 1000 * part,
      ),
    };
  };

  // ---- words --------------------------------------------------------------------------------

  const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
  const RARE = 10; // positives of 1,000 cases, below which parts of one are told
  const short = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4 });
  const few = (x) => (x >= 9.95 ? whole.format(Math.floor(x + 0.5)) : x >= 1e-4 ? String(+x.toPrecision(2)) : "0");
  const brief = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });
  const percent = (x) => (x === null ? "–" : `${short.format(+(100 * x).toPrecision(3))} %`);
  const number = (x) => (x === null || !Number.isFinite(x) ? "–" : short.format(x));
  // Rounded together, so that they add up; where positives are rare, each by itself.
  const told = (cases) => {
    const [caught, missed] = cases;
    if (caught + missed < RARE) return { numbers: cases, texts: cases.map(few) };
    const numbers = wholeCases(cases);
    return { numbers, texts: numbers.map((n, i) => (n === 0 && cases[i] > 0 ? "fewer than 1" : whole.format(n))) };
  };
  const saying = ({ numbers, texts }) => {
    const [caught, missed, alarmed] = numbers;
    return (
      `Of 1,000 cases, ${few(caught + missed)} are “\u2068${study.positive}\u2069”. Flagged: ` +
      `${few(caught + alarmed)}, namely ${texts[0]} of those and ${texts[2]} others. Missed: ${texts[1]}.`
    );
  };

  const write = (id, value, text) => {
    const element = $(`n-${id}`);
    element.value = value === null ? "" : String(value);
    element.textContent = text;
  };

  const wholes = (parts, total) => {
    const sum = parts.reduce((a, b) => a + b, 0) || 1, exact = parts.map((part) => (part * total) / sum);
    const floors = exact.map(Math.floor), rest = total - floors.reduce((a, b) => a + b, 0);
    const order = parts.map((_, i) => i).sort((i, j) => floors[i] - exact[i] - (floors[j] - exact[j]));
    for (const i of order.slice(0, rest)) floors[i] += 1;
    return floors;
  };
  const wholeCases = ([caught, missed, alarmed, left]) => {
    const positives = Math.floor(caught + missed + 0.5);
    return [...wholes([caught, missed], positives), ...wholes([alarmed, left], 1000 - positives)];
  };

  const KINDS = ["tp", "fn", "fp", "tn"];
  const SHAPES = ["h9v9h-9z", "h9v9h-9zm2 2v5h5v-5z", "m4.5 0l4.5 9h-9z", "m3.5 3.5h2v2h-2z"];
  const paths = KINDS.map((kind) => document.querySelector(`#picture path.${kind}`));
  const draw = (cases) => {
    let i = 0;
    wholeCases(cases).forEach((n, kind) => {
      let d = "";
      for (let end = i + n; i < end; i++) d += `M${12 * (i % 50)} ${12 * Math.floor(i / 50)}${SHAPES[kind]}`;
      paths[kind].setAttribute("d", d);
    });
  };

  // ---- charts -------------------------------------------------------------------------------

  const scaleOf = (text) => {
    const [low, high, start, end, kind] = text.split(" ");
    return scale(+low, +high, +start, +end, kind === "log");
  };
  const scale = (low, high, start, end, log) => {
    const bend = log ? (v) => Math.log10(Math.max(v, low / 10)) : (v) => v;
    const from = bend(low), length = bend(high) - from;
    const place = (v) => start + Math.min(Math.max((bend(v) - from) / length, -0.02), 1.02) * (end - start);
    return Object.assign(place, { low, high, start, end, log });
  };
  const chart = (key) => {
    const svg = document.querySelector(`figure[data-figure="${key}"] > svg`);
    if (!svg || !svg.dataset.x) return null;
    return {
      svg, x: scaleOf(svg.dataset.x), y: scaleOf(svg.dataset.y), live: svg.querySelector(".live"),
      ticks: svg.querySelector(".y.axis"),
    };
  };
  const element = (svg, name, look, attributes) => {
    const made = document.createElementNS(svg.namespaceURI, name);
    made.setAttribute("class", look);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const points = (c, xs, ys) => {
    let text = "";
    for (let i = 0; i < xs.length; i++)
      if (Number.isFinite(xs[i]) && Number.isFinite(ys[i])) text += `${c.x(xs[i]).toFixed(1)},${c.y(ys[i]).toFixed(1)} `;
    return text;
  };
  const line = (c, look, xs, ys) => element(c.svg, "polyline", `line ${look}`, { points: points(c, xs, ys) });
  const band = (c, look, xs, low, high) =>
    element(c.svg, "polygon", `band ${look}`, { points: points(c, xs, low) + points(c, [...xs].reverse(), [...high].reverse()) });
  const dot = (c, look, x, y, r = 3.2) =>
    element(c.svg, "circle", `dot ${look}`, { cx: c.x(x).toFixed(1), cy: c.y(y).toFixed(1), r });
  const upright = (c, x, look = "here") =>
    element(c.svg, "line", look, { x1: c.x(x).toFixed(1), x2: c.x(x).toFixed(1), y1: c.y.start, y2: c.y.end });

  const mark = (c, x, name) => {
    const left = c.x(x) > (c.x.start + c.x.end) / 2;
    const text = element(c.svg, "text", `mark ${left ? "end" : ""}`, { x: c.x(x) + (left ? -5 : 5), y: c.y.end + 10 });
    text.textContent = name;
    return [upright(c, x, "rule"), text];
  };

  const STEPS = [1, 2, 2.5, 5, 10];
  const rescale = (c, values, form) => {
    // The y axis around 0 and the values, with about five round ticks; redrawn only when it must be.
    const known = values.filter(Number.isFinite), least = Math.min(0, ...known), most = Math.max(0, ...known);
    const length = most - least || 1, was = c.y, now = was.high - was.low;
    if (least >= was.low && most <= was.high && length > 0.6 * now) return;
    const low = least < 0 ? least - 0.06 * length : 0, high = least + 1.06 * length;
    c.y = scale(low, high, was.start, was.end, false);
    const rough = (high - low) / 5, unit = 10 ** Math.floor(Math.log10(rough));
    const step = STEPS.map((s) => s * unit).find((s) => s >= rough * 0.999);
    const title = c.ticks.querySelector(".label"), parts = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high * 1.000000001; i++) {
      const y = c.y(i * step).toFixed(1);
      parts.push(element(c.svg, "line", "grid", { x1: c.x.start, x2: c.x.end, y1: y, y2: y }));
      const text = element(c.svg, "text", "tick end", { x: c.x.start - 8, y: +y + 4 });
      text.textContent = form(i * step || 0); // not -0
      parts.push(text);
    }
    c.ticks.replaceChildren(...parts, ...(title ? [title] : []));
  };

  const extremes = (bySeed, value) => {
    const values = bySeed.map(value);
    return [Math.min(...values), Math.max(...values)];
  };
  const weights = study.settings.filter((s) => s.ratio !== null).sort((a, b) => a.ratio - b.ratio);
  const ratios = weights.map((s) => s.ratio);
  const seeded = weights.filter((s) => s.seeds);
  const byWeight = (c, value, form) => {
    const own = weights.map((s) => value(rates(s.tp[knotFor(s)], s.fp[knotFor(s)])));
    const half = weights.map((s) => value(rates(s.half.tp, s.half.fp)));
    const bands = seeded.map((s) => extremes(s.bySeed, (t) => value(rates(t.tp[knotFor(t)], t.fp[knotFor(t)]))));
    const halves = seeded.map((s) => extremes(s.seeds.tp, (tp, r) => value(rates(tp, s.seeds.fp[r]))));
    rescale(c, [...own, ...half, ...bands.flat(), ...halves.flat()], form);
    const spread = (look, ends) => band(c, look, seeded.map((s) => s.ratio), ends.map((e) => e[0]), ends.map((e) => e[1]));
    const parts = [spread("half", halves), spread("chosen", bands), line(c, "half", ratios, half), line(c, "chosen", ratios, own)];
    if (ratios.length <= 16)
      ratios.forEach((ratio, i) => parts.push(dot(c, "half", ratio, half[i]), dot(c, "chosen", ratio, own[i])));
    const at = weights.findIndex((s) => s.name === state.setting);
    if (at >= 0) parts.push(dot(c, "here", ratios[at], own[at], 6));
    c.live.replaceChildren(...parts);
  };

  const every = Math.max(1, Math.floor(G / 250));
  const some = [...Array(G - 1).keys()].filter((g) => g % every === 0);
  const byThreshold = (c, here) => {
    const k = factor(), within = (t) => t >= c.x.low && t <= c.x.high;
    const shown = some.filter((g) => within(moved(knots[g], k))), xs = shown.map((g) => moved(knots[g], k));
    const costs = (s) => shown.map((g) => cost(rates(s.tp[g], s.fp[g])));
    const own = costs(byName.get(state.setting)), twins = costs(twin);
    rescale(c, [...own, ...twins, here.cost], brief.format);
    const parts = [line(c, "twin", xs, twins), line(c, "chosen", xs, own)];
    if (within(implied())) parts.push(...mark(c, implied(), "implied by the costs"));
    const t = moved(knots[here.knot], k);
    if (within(t)) parts.push(upright(c, t), dot(c, "here", t, here.cost, 6));
    c.live.replaceChildren(...parts);
  };

  const along = (x, y, shifts) => (c, here) => {
    const drawn = `${state.prevalence} ${state.setting}`; // costs and cut-offs move the dot alone
    if (c.drawn !== drawn) {
      const setting = byName.get(state.setting), all = some.map((g) => point(setting, g));
      c.svg.classList.toggle("stale", shifts && state.prevalence !== counted);
      c.live.replaceChildren(line(c, "here", all.map(x), all.map(y)), dot(c, "here", x(here), y(here), 6));
      c.drawn = drawn;
    }
    const mark = c.live.lastChild;
    mark.setAttribute("cx", c.x(x(here)).toFixed(1));
    mark.setAttribute("cy", c.y(y(here)).toFixed(1));
  };
  const BY_WEIGHT = [
    ["cost-by-weight", (c) => byWeight(c, cost, brief.format), true],
    ["flagged-by-weight", (c) => byWeight(c, flagged, percent), true],
  ];
  const LIVE = [
    ...(study.remade ? BY_WEIGHT : []),
    ["cost-by-threshold", byThreshold, true],
    ["precision-recall", along((p) => p.recall, (p) => (p.precision === null ? 1 : p.precision), true)],
    ["roc", along((p) => p.alarm, (p) => p.recall, false)],
    ["gain", along((p) => p.flagged, (p) => p.recall, true)],
  ];
  const live = LIVE.map(([key, ...how]) => [chart(key), ...how]).filter(([c]) => c && c.live);
  for (const [c, drawn, remade] of live) {
    c.svg.classList.toggle("remade", Boolean(remade));
    if (drawn === byThreshold) c.svg.dataset.marks = "live";
  }

  // ---- controls -----------------------------------------------------------------------------

  const form = $("controls");
  const three = (x) => +x.toPrecision(3);
  const tidy = (x) => +x.toPrecision(12);
  const four = (x) => +x.toPrecision(4);
  const logOdds = (p) => Math.log(p / (1 - p));
  const STEP = 100; // of a slider in a factor of ten
  const around = (name, right) => {
    // Costs above that of the right decision, a thousandth to a thousandfold of where they start.
    const begin = study.start[name] - right;
    return {
      to: (i) => (i === 300 ? study.start[name] : tidy(right + three(begin * 10 ** ((i - 300) / STEP)))),
      from: (v) => 300 + STEP * Math.log10((v - right) / begin),
      typed: (v) => tidy(right + four(v - right)),
      shown: number,
    };
  };
  const odds = (i) => Math.exp(logOdds(counted) + (i - 300) / 50);
  const sliders = {
    miss: around("miss", study.right[1]),
    alarm: around("alarm", study.right[0]),
    alerts: { to: (i) => three(10 ** (i / STEP - 1)), from: (v) => STEP * (Math.log10(v) + 1), typed: four, shown: few },
    prevalence: {
      to: (i) => (i === 300 ? counted : odds(i) < 1 ? three(odds(i) / (1 + odds(i))) : tidy(1 - three(1 / (1 + odds(i))))),
      from: (v) => 300 + 50 * (logOdds(v) - logOdds(counted)),
      typed: (v) => (v < 0.5 ? four(100 * v) : tidy(100 - four(100 * (1 - v)))),
      shown: percent,
    },
  };
  const MOST = 1e9; // times a cost may be what it is at the study
  const above = (name, right, of) => {
    const begin = study.start[name] - right;
    return [right + begin / MOST, right + begin * MOST, `above ${number(right)}, the cost of ${of}, and not a billion times what it was`];
  };
  const limits = {
    miss: above("miss", study.right[1], "a positive that is flagged"),
    alarm: above("alarm", study.right[0], "a negative that is not flagged"),
    alerts: [0, 1000, "above 0 and below 1,000"],
    prevalence: [1e-9, 1 - 1e-9, "above 0 % and below 100 %"],
    threshold: [0, 1, "above 0 and below 1"],
  };
  const asTyped = { prevalence: (text) => Number(text) / 100 };

  const take = (name, value) => {
    // Take what a control says; what makes no sense is told, and changes nothing.
    const [low, high, must] = limits[name];
    const input = $(name), fine = Number.isFinite(value) && value > low && value < high;
    input.setAttribute("aria-invalid", String(!fine));
    $("trouble").textContent = fine ? "" : `${input.labels[0].textContent} must be ${must}.`;
    if (!fine) return false;
    state[name] = value;
    if (name === "alerts" || name === "threshold") state.by = name;
    return true;
  };

  const fill = (name, text) => {
    // What a field says follows, but where somebody types.
    const input = $(name);
    if (document.activeElement === input) return;
    input.value = text;
    input.setAttribute("aria-invalid", "false");
  };
  const show = (name, value) => {
    const range = $(`${name}-range`), { from, typed, shown } = sliders[name];
    fill(name, String(typed(value)));
    range.value = String(Math.round(from(value)));
    range.setAttribute("aria-valuetext", shown(value));
  };

  const command = (setting, own) => {
    // Any threshold follows from some costs; the command line takes costs.
    if (own === null) return "flag nobody";
    if (own <= 0) return "flag everybody";
    if (setting.use === null) return "a reference is not kept as a model: train it where you would use it";
    const plain = state.by === "costs" && study.right[0] === 0 && study.right[1] === 0;
    const t = state.by === "costs" ? implied() : own;
    const [fn, fp] = plain ? [state.miss, state.alarm] : [(1 - t) / t, 1];
    const costs = `--cost-fn ${+fn.toPrecision(6)} --cost-fp ${+fp.toPrecision(6)}`;
    const world = state.prevalence === counted ? "" : ` --prevalence ${+state.prevalence.toPrecision(6)}`;
    const again = state.setting === study.start.setting ? "" : `outweigh run … --use ${setting.use}\n`;
    return `${again}outweigh predict DIR NEW.csv ${costs}${world}`;
  };

  const RULES = { costs: "where it saves cost", alerts: "within the budget", threshold: "from the threshold" };
  const shownNow = (own) =>
    `Shown: ${state.setting}; a miss costs ${number(state.miss)}, a false alarm ${number(state.alarm)}; ` +
    `prevalence ${percent(state.prevalence)}; flagged ${RULES[state.by]}, ` +
    `${own === null ? "nobody" : `from a probability of ${number(own)}`}.`;

  let soon;
  const tell = (text) => {
    clearTimeout(soon);
    soon = setTimeout(() => ($("told").textContent = text), 600);
  };

  const update = () => {
    const setting = byName.get(state.setting), k = factor();
    state.knot = knotOf(state.by === "costs" ? implied() : state.threshold);
    const here = point(setting), other = point(twin), t = knots[here.knot];
    const own = Number.isFinite(t) ? moved(t, k) : null;
    if (state.by !== "threshold") state.threshold = own === null ? Infinity : own;
    if (state.by !== "alerts") state.alerts = Math.min(Math.max(1000 * here.flagged, 1e-3), 999.9);
    for (const radio of form.elements.by) radio.checked = radio.value === state.by;
    for (const name of ["miss", "alarm", "alerts", "prevalence"]) show(name, state[name]);
    fill("threshold", own === null ? "" : String(four(own)));
    $("threshold-range").value = String(here.knot);
    $("threshold-range").setAttribute("aria-valuetext", own === null ? "nobody is flagged" : number(own));
    if (!form.querySelector("[aria-invalid=true]")) $("trouble").textContent = "";

    write("knot", here.knot, String(here.knot));
    write("threshold", Number.isFinite(t) ? t : null, own === null ? "flag nobody" : number(own));
    for (const cell of KINDS) write(cell, here[cell], whole.format(here[cell]));
    const cases = told(here.cases), twins = told(other.cases);
    KINDS.forEach((cell, i) => {
      for (const e of document.querySelectorAll(`[data-cases="${cell}"]`)) e.textContent = cases.texts[i];
      for (const e of document.querySelectorAll(`[data-twin="${cell}"]`)) e.textContent = twins.texts[i];
    });
    for (const share of ["flagged", "recall", "precision"]) write(share, here[share], percent(here[share]));
    write("cost", here.cost, number(here.cost));
    write("share", here.share, percent(here.share));
    write("cost-twin", other.cost, number(other.cost));
    const saved = other.cost > 0 ? (100 * (other.cost - here.cost)) / other.cost : null;
    const gain = saved === null ? null : +saved.toFixed(1) + 0;
    write("saving", saved, gain === null ? "–" : `${gain > 0 ? "+" : ""}${number(gain)} %`);
    for (const e of document.querySelectorAll("[data-name=setting]")) e.textContent = state.setting;
    $("implied").textContent = number(implied());
    if ($("command")) $("command").textContent = command(setting, own);
    if ($("twin-line")) $("twin-line").hidden = setting === twin;
    $("shown").textContent = shownNow(own);
    $("saying").textContent = saying(cases);
    draw(here.cases);
    for (const [c, drawn] of live) drawn(c, here);
    return `${saying(cases)} Cost ${number(here.cost)} per 1,000 cases.`;
  };

  form.addEventListener("input", (event) => {
    const { id, name, value } = event.target;
    const of = id.replace(/-range$/, "");
    if (id === "setting") state.setting = study.settings[+value].name;
    else if (name === "by") state.by = value;
    else if (id === "threshold-range") Object.assign(state, { by: "threshold", threshold: atKnot(+value) });
    else if (id !== of) { if (!take(of, sliders[of].to(+value))) return; }
    else if (!take(of, value.trim() === "" ? NaN : (asTyped[of] || Number)(value))) return;
    tell(update());
  });
  form.addEventListener("keydown", (event) => {
    // Up and down in a field move its slider by one: a step of 1 would be too much of most.
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key], range = $(`${event.target.id}-range`);
    if (!step || event.target.type !== "number") return;
    event.preventDefault();
    range.value = String(+range.value + step);
    event.target.blur();
    range.dispatchEvent(new Event("input", { bubbles: true }));
    event.target.focus();
  });
  form.addEventListener("focusout", () => update()); // what was refused gives way to what holds
  form.addEventListener("submit", (event) => event.preventDefault());
  $("reset").addEventListener("click", () => {
    Object.assign(state, study.start, { threshold: knots[study.start.knot] });
    $("setting").value = numberOf(state.setting);
    tell(update());
  });
  $("setting").value = numberOf(state.setting);
  form.hidden = false;
  document.documentElement.classList.add("alive");
  update();
})();
