// Points: what a setting does at a threshold, at some costs, in some world; `_point.py` does the
// same, operation by operation, so that both come to the same bits.
// Letters: G knots, thresholds at which cases were counted; b the prevalence; k factor of the odds.
const ROUNDING = 1e-9; // a budget of 10 alerts is not missed by an error of floats, nor a half
const pointsOf = (study, state) => {
  const knots = study.threshold.map((t) => (t === null ? Infinity : t)), G = knots.length;
  const counted = study.start.prevalence;
  const TINY = 1e-12; // nor a knot by one, where a threshold goes to another world and back

  const moved = (p, k) => {
    if (k === 1 || p <= 0 || p >= 1) return p;
    const odds = (p / (1 - p)) * k;
    return odds / (1 + odds);
  };
  const factor = () => state.prevalence / (1 - state.prevalence) / (counted / (1 - counted));
  const threshold = (g) => (knots[g] === Infinity ? null : moved(knots[g], factor()));
  const implied = () => {
    const [tn, tp] = study.right, alarm = state.alarm - tn;
    return alarm / (alarm + state.miss - tp);
  };

  const first = (holds) => {
    let low = 0, high = G - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (holds(middle)) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  const knotOf = (threshold) => {
    const t = moved(threshold, 1 / factor()) * (1 - TINY);
    return first((g) => knots[g] >= t);
  };
  const knotOfBudget = (table) => {
    const most = (state.alerts / 1000) * (1 + ROUNDING);
    return first((g) => flagged(rates(table.tp[g], table.fp[g])) <= most);
  };
  const knotFor = (table) => (state.by === "alerts" ? knotOfBudget(table) : state.knot);

  const rates = (tp, fp) => ({ recall: tp / study.positives, alarm: fp / study.negatives });
  const flagged = (r) => state.prevalence * r.recall + (1 - state.prevalence) * r.alarm;
  const cost = (r) => {
    const [tn, tp] = study.right, b = state.prevalence;
    const missed = r.recall * tp + (1 - r.recall) * state.miss;
    const alarmed = r.alarm * state.alarm + (1 - r.alarm) * tn;
    return 1000 * (b * missed + (1 - b) * alarmed);
  };
  const constant = () => Math.min(cost({ recall: 0, alarm: 0 }), cost({ recall: 1, alarm: 1 }));

  const point = (table, g = knotFor(table)) => {
    const tp = table.tp[g], fp = table.fp[g], r = rates(tp, fp), b = state.prevalence;
    const all = flagged(r), own = cost(r), least = constant();
    const shares = [b * r.recall, b * (1 - r.recall), (1 - b) * r.alarm, (1 - b) * (1 - r.alarm)];
    return {
      ...r, tp, fp, fn: study.positives - tp, tn: study.negatives - fp, knot: g,
      countedAt: study.threshold[g], threshold: threshold(g), flagged: all, cost: own,
      precision: all > 0 ? (b * r.recall) / all : null,
      share: least > 0 ? own / least : null,
      cases: shares.map((part) => 1000 * part),
    };
  };
  return { knots, counted, TINY, moved, factor, threshold, implied, knotOf, knotFor, rates, flagged, cost, point };
};

// Rounds the four kinds of 1,000 cases to whole numbers: first the positives, then what is done.
const wholeCases = ([caught, missed, alarmed, left]) => {
  const halfUp = (x) => Math.floor(x + 0.5 + ROUNDING); // a half is one, whatever floats made of it
  const part = (some, rest, total) => halfUp((some * total) / (some + rest || 1));
  const positives = halfUp(caught + missed), others = 1000 - positives;
  const tp = part(caught, missed, positives), fp = part(alarmed, left, others);
  return [tp, positives - tp, fp, others - fp];
};
