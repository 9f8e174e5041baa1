// Sliders: from where a slider stands to what it stands for and back, and what makes sense.
const slidersOf = (study) => {
  const STEP = 100; // of a slider in a factor of ten
  const HOME = 300; // where costs and the prevalence are the study's
  const MOST = 1e9; // times a cost may be what it is at the study
  const three = (x) => +x.toPrecision(3);
  const four = (x) => +x.toPrecision(4);
  const tidy = (x) => +x.toPrecision(12);

  const cost = (name, right, of) => {
    // Costs above that of the right decision, a thousandth to a thousandfold of where they start.
    const start = study.start[name], begin = start - right;
    return {
      to: (i) => (i === HOME ? start : tidy(right + three(begin * 10 ** ((i - HOME) / STEP)))),
      from: (v) => HOME + STEP * Math.log10((v - right) / begin),
      typed: (v) => tidy(right + four(v - right)),
      shown: words.number,
      limits: [right + begin / MOST, right + begin * MOST],
      must: `above ${words.number(right)}, the cost of ${of}, and not a billion times what it was`,
    };
  };

  const counted = study.start.prevalence, logOdds = (p) => Math.log(p / (1 - p));
  const share = (odds) => (odds < 1 ? three(odds / (1 + odds)) : tidy(1 - three(1 / (1 + odds))));
  const prevalence = {
    to: (i) => (i === HOME ? counted : share(Math.exp(logOdds(counted) + (i - HOME) / 50))),
    from: (v) => HOME + 50 * (logOdds(v) - logOdds(counted)),
    typed: (v) => (v < 0.5 ? four(100 * v) : tidy(100 - four(100 * (1 - v)))),
    shown: words.percent,
    limits: [1e-9, 1 - 1e-9],
    must: "above 0 % and below 100 %",
    read: (text) => Number(text) / 100,
  };
  return {
    miss: cost("miss", study.right[1], "a positive that is flagged"),
    alarm: cost("alarm", study.right[0], "a negative that is not flagged"),
    alerts: {
      to: (i) => three(10 ** (i / STEP - 1)), from: (v) => STEP * (Math.log10(v) + 1),
      typed: four, shown: words.few, limits: [0, 1000], must: "above 0 and below 1,000",
    },
    prevalence,
    threshold: { typed: four, shown: words.cutOff, limits: [0, 1], must: "above 0 and below 1" },
  };
};
