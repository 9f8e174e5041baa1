// Drawing: what is added to the charts of the page, in the pixels of their scales.
const drawing = (() => {
  const scale = (low, high, start, end, log) => {
    const bend = log ? (v) => Math.log10(Math.max(v, low / 10)) : (v) => v;
    const from = bend(low), length = bend(high) - from;
    const place = (v) => start + Math.min(Math.max((bend(v) - from) / length, -0.01), 1.01) * (end - start);
    return Object.assign(place, { low, high, start, end });
  };
  const scaleOf = (text) => {
    const [low, high, start, end, kind] = text.split(" ");
    return scale(+low, +high, +start, +end, kind === "log");
  };

  // Gives the chart of a key with its scales and the group that is drawn anew, if it has them.
  const chart = (key) => {
    const svg = document.querySelector(`figure[data-figure="${key}"] > svg`);
    const live = svg && svg.dataset.x ? svg.querySelector(".live") : null;
    return live && {
      svg, live, x: scaleOf(svg.dataset.x), y: scaleOf(svg.dataset.y),
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
  const moveDot = (c, dot, x, y) => {
    dot.setAttribute("cx", c.x(x).toFixed(1));
    dot.setAttribute("cy", c.y(y).toFixed(1));
    return dot;
  };
  const dot = (c, look, x, y, r = 3.2) => moveDot(c, element(c.svg, "circle", `dot ${look}`, { r }), x, y);
  const upright = (c, x, look = "here") =>
    element(c.svg, "line", look, { x1: c.x(x).toFixed(1), x2: c.x(x).toFixed(1), y1: c.y.start, y2: c.y.end });
  const mark = (c, x, name) => {
    const left = c.x(x) > (c.x.start + c.x.end) / 2;
    const text = element(c.svg, "text", `mark ${left ? "end" : ""}`, { x: c.x(x) + (left ? -5 : 5), y: c.y.end + 10 });
    text.textContent = name;
    return [upright(c, x, "rule"), text];
  };

  const STEPS = [1, 2, 2.5, 5, 10];
  const ticks = (low, high) => {
    // About five round numbers from low to high.
    const rough = (high - low) / 5, unit = 10 ** Math.floor(Math.log10(rough)), found = [];
    const step = STEPS.map((s) => s * unit).find((s) => s >= rough * 0.999);
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high * 1.000000001; i++) found.push(i * step);
    return found;
  };
  const tick = (c, value, form) => {
    const y = c.y(value).toFixed(1);
    const text = element(c.svg, "text", "tick end", { x: c.x.start - 8, y: +y + 4 });
    text.textContent = form(value);
    return [element(c.svg, "line", "grid", { x1: c.x.start, x2: c.x.end, y1: y, y2: y }), text];
  };
  const rescale = (c, values, form) => {
    // Lays the y axis around 0 and the values anew, only when it must be.
    const known = values.filter(Number.isFinite), least = Math.min(0, ...known), most = Math.max(0, ...known);
    const length = most - least || 1, was = c.y;
    if (least >= was.low && most <= was.high && length > 0.6 * (was.high - was.low)) return;
    c.y = scale(least < 0 ? least - 0.06 * length : 0, least + 1.06 * length, was.start, was.end, false);
    const title = c.ticks.querySelector(".label"), drawn = ticks(c.y.low, c.y.high).flatMap((v) => tick(c, v, form));
    c.ticks.replaceChildren(...drawn, ...(title ? [title] : []));
  };
  return { chart, line, band, dot, moveDot, upright, mark, rescale };
})();
