// Charts that follow the controls: of costs, of what is flagged, and of ranking.
const liveCharts = (study, state, at) => {
  const { line, band, dot, moveDot, upright, mark, rescale } = drawing;
  const byName = new Map(study.settings.map((setting) => [setting.name, setting]));
  const twin = byName.get(study.twin);

  // by weight

  const weights = study.settings.filter((s) => s.ratio !== null).sort((a, b) => a.ratio - b.ratio);
  const ratios = weights.map((s) => s.ratio);
  const seeded = weights.filter((s) => s.seeds), of = seeded.map((s) => s.ratio);
  const extremes = (values) => [Math.min(...values), Math.max(...values)];
  const chosenRates = (table) => {
    const g = at.knotFor(table);
    return at.rates(table.tp[g], table.fp[g]);
  };
  const halfRates = (half) => at.rates(half.tp, half.fp);
  const seedsAtHalf = (s) => s.seeds.tp.map((tp, r) => at.rates(tp, s.seeds.fp[r]));
  const byWeight = (value, form) => (c) => {
    const own = weights.map((s) => value(chosenRates(s)));
    const half = weights.map((s) => value(halfRates(s.half)));
    const bands = seeded.map((s) => extremes(s.bySeed.map((t) => value(chosenRates(t)))));
    const halves = seeded.map((s) => extremes(seedsAtHalf(s).map(value)));
    rescale(c, [...own, ...half, ...bands.flat(), ...halves.flat()], form);
    const spread = (look, ends) => band(c, look, of, ends.map((e) => e[0]), ends.map((e) => e[1]));
    const parts = [spread("half", halves), spread("chosen", bands), line(c, "half", ratios, half), line(c, "chosen", ratios, own)];
    if (ratios.length <= 16)
      ratios.forEach((ratio, i) => parts.push(dot(c, "half", ratio, half[i]), dot(c, "chosen", ratio, own[i])));
    const i = weights.findIndex((s) => s.name === state.setting);
    if (i >= 0) parts.push(dot(c, "here", ratios[i], own[i], 6));
    c.live.replaceChildren(...parts);
  };

  // by threshold

  const every = Math.max(1, Math.floor(at.knots.length / 250));
  const some = [...Array(at.knots.length - 1).keys()].filter((g) => g % every === 0);
  const byThreshold = (c, here) => {
    const k = at.factor(), within = (t) => t !== null && t >= c.x.low && t <= c.x.high;
    const shown = some.filter((g) => within(at.moved(at.knots[g], k)));
    const xs = shown.map((g) => at.moved(at.knots[g], k));
    const costs = (s) => shown.map((g) => at.cost(at.rates(s.tp[g], s.fp[g])));
    const own = costs(byName.get(state.setting)), twins = costs(twin), t = here.threshold;
    rescale(c, [...own, ...twins, here.cost], words.brief);
    const parts = [line(c, "twin", xs, twins), line(c, "chosen", xs, own)];
    if (within(at.implied())) parts.push(...mark(c, at.implied(), "implied by the costs"));
    if (within(t)) parts.push(upright(c, t), dot(c, "here", t, here.cost, 6));
    c.live.replaceChildren(...parts);
  };

  // along all thresholds

  const along = (x, y, shifts) => (c, here) => {
    const drawn = `${state.prevalence} ${state.setting}`; // costs and cut-offs move the dot alone
    if (c.drawn !== drawn) {
      const setting = byName.get(state.setting), all = some.map((g) => at.point(setting, g));
      c.svg.classList.toggle("stale", shifts && state.prevalence !== at.counted);
      c.live.replaceChildren(line(c, "here", all.map(x), all.map(y)), dot(c, "here", x(here), y(here), 6));
      c.drawn = drawn;
    }
    moveDot(c, c.live.lastChild, x(here), y(here));
  };

  const BY_WEIGHT = [
    ["cost-by-weight", byWeight(at.cost, words.brief), true],
    ["flagged-by-weight", byWeight(at.flagged, words.percent), true],
  ];
  const LIVE = [
    ...(study.remade ? BY_WEIGHT : []),
    ["cost-by-threshold", byThreshold, true],
    ["precision-recall", along((p) => p.recall, (p) => (p.precision === null ? 1 : p.precision), true), false],
    ["roc", along((p) => p.alarm, (p) => p.recall, false), false],
    ["gain", along((p) => p.flagged, (p) => p.recall, true), false],
  ];
  const live = LIVE.map(([key, draw, remade]) => ({ c: drawing.chart(key), draw, remade })).filter(({ c }) => c);
  for (const { c, draw, remade } of live) {
    c.svg.classList.toggle("remade", remade);
    if (draw === byThreshold) c.svg.dataset.marks = "live";
  }
  return (here) => live.forEach(({ c, draw }) => draw(c, here));
};
