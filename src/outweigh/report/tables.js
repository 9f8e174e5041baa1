// Tables: what each setting flags from each knot on, as the page carries it; `_parts.py` packs it.
// Letters: G knots, thresholds at which cases were counted.
const unpacked = (() => {
  const inflated = async (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };

  const varints = (bytes) => {
    let at = 0;
    return () => {
      let n = 0, unit = 1, byte;
      do {
        byte = bytes[at++];
        n += (byte & 127) * unit;
        unit *= 128;
      } while (byte > 127);
      return n;
    };
  };

  const reader = (next, G) => (scale, total) => {
    const table = new Float64Array(G), whole = Math.round(total * scale);
    let sum = 0;
    for (let g = G - 1; g >= 0; g--) {
      sum += next();
      table[g] = sum === whole ? total : sum / scale;
    }
    return table;
  };

  // Gives the settings of a study with their tables (G,), and with those of each seed.
  return async (study, text) => {
    const table = reader(varints(await inflated(text)), study.threshold.length);
    const [fp, tp] = study.scales;
    const counts = () => ({ tp: table(tp, study.positives), fp: table(fp, study.negatives) });
    return study.settings.map((setting) => ({
      ...setting, ...counts(), bySeed: (setting.seeds ? setting.seeds.tp : []).map(counts),
    }));
  };
})();
