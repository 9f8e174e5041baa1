// Words: how the page writes numbers; `_words.py` writes the same.
"use strict"; // and so is all that follows in the same script
const words = (() => {
  const form = (options) => new Intl.NumberFormat("en-US", options);
  const wholes = form({ maximumFractionDigits: 0 });
  const tenths = form({ maximumFractionDigits: 1, useGrouping: false });
  const compact = form({ notation: "compact", maximumSignificantDigits: 6 });
  const digits = [1, 2, 3, 4, 5].map((n) => form({ maximumSignificantDigits: n }));

  // What floats add beyond 12 digits is dropped, so that halves are halves; 0 has no sign.
  const settled = (x) => (Number.isInteger(x) ? x : +x.toPrecision(12)) + 0;

  const whole = (x) => wholes.format(settled(x));
  const few = (x) => {
    const cases = settled(x);
    return cases >= 9.95 ? whole(cases) : cases >= 1e-4 ? digits[1].format(cases) : "0";
  };
  const number = (x, n = 4) => (Number.isFinite(x) ? digits[n - 1].format(settled(x)) : "–");
  const field = (x, n) => number(x, n).replaceAll(",", "");
  const percent = (x) => (x === null ? "–" : `${number(100 * x, 3)} %`);
  const signed = (x) => {
    if (x === null) return "–";
    const rounded = +tenths.format(settled(x));
    return `${rounded > 0 ? "+" : ""}${number(rounded)} %`;
  };
  const brief = (x) => compact.format(settled(x));
  const cutOff = (t) => (t === null ? "flag nobody" : t > 0 ? number(t) : "flag everybody");

  const write = (element, value, text) => {
    const written = value === null ? "" : String(value);
    if (element.value === written && element.textContent === text) return;
    element.value = written;
    element.textContent = text;
  };
  // Tells those who cannot see the page what came of a change, once they pause.
  const teller = (element) => {
    let soon;
    return (text) => {
      clearTimeout(soon);
      soon = setTimeout(() => (element.textContent = text), 600);
    };
  };
  return { whole, few, number, field, percent, signed, brief, cutOff, write, teller };
})();
