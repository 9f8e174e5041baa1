// The picture of 1,000 cases, each a mark; `_picture.py` draws the same.
const KINDS = ["tp", "fn", "fp", "tn"];
const paint = (() => {
  const COLUMNS = 50, STEP = 12;
  const SHAPES = ["h9v9h-9z", "h9v9h-9zm2 2v5h5v-5z", "m4.5 0l4.5 9h-9z", "m3.5 3.5h2v2h-2z"];
  const place = (i) => `M${STEP * (i % COLUMNS)} ${STEP * Math.floor(i / COLUMNS)}`;
  return (cases) => {
    let i = 0;
    wholeCases(cases).forEach((n, kind) => {
      let path = "";
      for (const end = i + n; i < end; i++) path += place(i) + SHAPES[kind];
      document.querySelector(`#picture path.${KINDS[kind]}`).setAttribute("d", path);
    });
  };
})();
