// Sayings: what is decided, in sentences and as a command; `_panel.py` says the same.
const sayingsOf = (study, state, at) => {
  const RARE = 10; // positives of 1,000 cases, below which parts of one are told
  const RULES = { costs: "where it saves cost", alerts: "within the budget", threshold: "from the threshold" };

  // Rounded together, so that they add up; where positives are rare, each by itself.
  const told = (cases) => {
    const [caught, missed] = cases;
    if (caught + missed < RARE - ROUNDING) return { numbers: cases, texts: cases.map(words.few) };
    const numbers = wholeCases(cases);
    return { numbers, texts: numbers.map((n, i) => (n === 0 && cases[i] > 0 ? "fewer than 1" : words.whole(n))) };
  };
  const saying = ({ numbers, texts }) => {
    const [caught, missed, alarmed] = numbers, { few } = words;
    return (
      `Of 1,000 cases, ${few(caught + missed)} are “\u2068${study.positive}\u2069”. Flagged: ` +
      `${few(caught + alarmed)}, namely ${texts[0]} of those and ${texts[2]} of the others. Missed: ${texts[1]}.`
    );
  };
  const who = (t) => (t === null ? "nobody" : t > 0 ? `from a probability of ${words.number(t)}` : "everybody");
  const shown = ({ threshold }) =>
    `Shown: ${state.setting}; a miss costs ${words.number(state.miss)}, a false alarm ${words.number(state.alarm)}; ` +
    `prevalence ${words.percent(state.prevalence)}; flagged ${RULES[state.by]}, ${who(threshold)}.`;

  // A miss that is worth so many false alarms implies a threshold: this one, to 12 digits, and never
  // one above it, so that cases that lie on it are flagged.
  const missFor = (t) => {
    let miss = +((1 - t) / t).toPrecision(12);
    while (1 / (1 + miss) > t) miss = +(miss * (1 + 1e-11)).toPrecision(12);
    return miss || 1e-17; // which implies 1, and is above the right decision's 0
  };
  const costsFor = (t) => {
    const given = state.by === "costs" && study.right[0] === 0 && study.right[1] === 0;
    if (given) return [state.miss, state.alarm];
    if (state.by === "costs") return [missFor(at.implied()), 1];
    return [missFor(state.prevalence === at.counted ? t : t * (1 - at.TINY)), 1];
  };
  // Any threshold follows from some costs; the command line takes costs.
  const command = ({ use }, { threshold }) => {
    if (threshold === null || threshold <= 0) return words.cutOff(threshold);
    if (use === null) return "a reference is not kept as a model: train it where you would use it";
    const [fn, fp] = costsFor(threshold);
    const world = state.prevalence === at.counted ? "" : ` --prevalence ${+state.prevalence.toPrecision(12)}`;
    const again = state.setting === study.start.setting ? "" : `outweigh run … --use ${use}\n`;
    return `${again}outweigh predict DIR NEW.csv --cost-fn ${fn} --cost-fp ${fp}${world}`;
  };
  return { told, saying, shown, missFor, command };
};
