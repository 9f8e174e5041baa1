// More than two classes: decisions at any costs, from counted cells; and a tab for each class.
// Letters: C cells, K classes, D decisions: K, and one more where cases may be referred.
(() => {
  const { few, number, percent, field } = words;
  const $ = (id) => document.getElementById(id);

  // ---- a tab for each class -----------------------------------------------------------------

  const panels = [...document.querySelectorAll(".class-page")];

  const asTabs = () => {
    const list = document.createElement("div");
    list.className = "tabs";
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-labelledby", "each-class-title");
    const tabs = panels.map((panel, i) => {
      const tab = document.createElement("button"), text = document.createElement("bdi");
      tab.type = "button";
      tab.id = `class-tab-${i}`;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panel.id);
      text.className = "label";
      text.textContent = panel.querySelector("h3").textContent;
      tab.append(text);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      panel.tabIndex = 0;
      return tab;
    });
    const choose = (chosen) => {
      tabs.forEach((tab, i) => {
        tab.setAttribute("aria-selected", String(i === chosen));
        tab.tabIndex = i === chosen ? 0 : -1;
        panels[i].hidden = i !== chosen;
      });
    };
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    list.addEventListener("keydown", (event) => {
      const at = tabs.indexOf(document.activeElement), n = tabs.length;
      if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
      const to = { Home: 0, End: n - 1 }[event.key] ?? at + (steps[event.key] ?? NaN);
      if (Number.isNaN(to)) return;
      event.preventDefault();
      choose((to + n) % n);
      tabs[(to + n) % n].focus();
    });
    tabs.forEach((tab, i) => tab.addEventListener("click", () => choose(i)));
    const named = () => panels.findIndex((panel) => `#${panel.id}` === location.hash);
    const follow = () => { if (named() >= 0) choose(named()); };
    addEventListener("hashchange", follow);
    list.append(...tabs);
    panels[0].before(list);
    choose(0);
    follow();
  };
  if (panels.length) asTabs();

  // ---- decisions ----------------------------------------------------------------------------

  if (!$("class-data") || !$("class-controls")) return;
  const study = JSON.parse($("class-data").textContent);
  if (!study.settings) return;
  const K = study.costs.length, D = study.costs[0].length;
  const classes = [...Array(K).keys()], decisions = [...Array(D).keys()];

  const numbers = (text) => Float64Array.from(text.split(/[;,]/), Number); // nothing is 0
  for (const setting of study.settings) {
    setting.q = numbers(setting.cells);
    setting.n = numbers(setting.counts);
    for (let i = 0; i < setting.n.length; i++) setting.n[i] *= study.factor[i % K];
  }

  const cheapest = (q, c, flat) => {
    let best = 0, least = Infinity;
    for (let d = 0; d < D; d++) {
      let cost = 0;
      for (let k = 0; k < K; k++) cost += q[c * K + k] * flat[k * D + d];
      if (cost < least) {
        least = cost;
        best = d;
      }
    }
    return best;
  };

  const counted = ({ q, n }, costs) => {
    const sums = classes.map(() => new Float64Array(D)), flat = Float64Array.from(costs.flat());
    let total = 0;
    for (let c = 0; c * K < q.length; c++) {
      const d = cheapest(q, c, flat);
      for (let k = 0; k < K; k++) {
        sums[k][d] += n[c * K + k];
        total += n[c * K + k];
      }
    }
    return sums.map((row) => row.map((sum) => (1000 * sum) / total));
  };

  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const part = (some, all) => (all > 0 ? some / all : null);

  const outcome = (confusion, costs) => {
    const cost = sum(classes.map((k) => sum(decisions.map((d) => confusion[k][d] * costs[k][d]))));
    const cases = classes.map((k) => sum([...confusion[k]]));
    const constant = Math.min(...classes.map((d) => sum(classes.map((k) => cases[k] * costs[k][d]))));
    const right = sum(classes.map((k) => confusion[k][k]));
    const decided = sum(classes.map((k) => sum(classes.map((d) => confusion[k][d]))));
    return {
      confusion, cases, cost, share: constant > 0 ? cost / constant : null, right,
      wrong: decided - right, referred: D > K ? sum(classes.map((k) => confusion[k][K])) : 0,
      recall: classes.map((k) => part(confusion[k][k], cases[k])),
      precision: classes.map((d) => part(confusion[d][d], sum(classes.map((k) => confusion[k][d])))),
    };
  };

  const dearest = ({ confusion }, costs) => {
    let found = null, most = 0;
    for (const k of classes)
      for (const d of classes)
        if (d !== k && confusion[k][d] * costs[k][d] > most) {
          most = confusion[k][d] * costs[k][d];
          found = { k, d, cases: confusion[k][d], cost: most };
        }
    return found;
  };

  // ---- costs --------------------------------------------------------------------------------

  const MOST = 1e12; // what a page has room for
  const state = { setting: 0, costs: study.costs.map((row) => [...row]) };
  const inputs = classes.map((k) => classes.map((d) => $(`c-in-${k}-${d}`)));
  const referral = $("c-in-refer");
  const everyInput = [...inputs.flat(), ...(referral ? [referral] : [])];

  const label = (k) => {
    const text = document.createElement("bdi");
    text.textContent = study.labels[k];
    return text;
  };
  const wrong = (costs) => {
    // What makes no sense about costs: the input, and the words; null where all is well.
    for (const k of classes) {
      const own = costs[k][k];
      for (const d of classes) {
        if (!(Math.abs(costs[k][d]) <= MOST))
          return [inputs[k][d], "A cost must be a number, of at most 1e12; that of true ", label(k), " decided ", label(d), " is not: enter one."];
        if (costs[k][d] < own)
          return [inputs[k][d], `A mistake must cost no less than the right decision, ${own}; true `, label(k), " decided ", label(d), ` came as ${costs[k][d]}: raise it.`];
      }
      if (classes.every((d) => costs[k][d] <= own))
        return [inputs[k][k], `Some mistake on a class must cost more than the right decision; on `, label(k), ` all cost ${own}: raise one.`];
    }
    if (referral) {
      const right = Math.min(...classes.map((k) => costs[k][k])), cost = costs[0][K];
      if (!(cost <= MOST && cost > right))
        return [referral, `Handing a case to a person must cost more than a right decision, ${right}: raise it.`];
    }
    return null;
  };
  const typed = (input) => (input.value.trim() === "" ? NaN : Number(input.value));

  let draft = state.costs;
  const take = (costs) => {
    // Take costs; those that make no sense are told, and change nothing.
    draft = costs;
    const trouble = wrong(costs);
    for (const input of everyInput) input.setAttribute("aria-invalid", String(trouble !== null && trouble[0] === input));
    $("c-error").replaceChildren(...(trouble ? trouble.slice(1) : []));
    if (trouble) return;
    state.costs = costs;
    update();
  };
  const fill = (costs) => {
    for (const k of classes) for (const d of classes) inputs[k][d].value = field(costs[k][d], 5);
    if (referral) referral.value = field(costs[0][K], 5);
    take(costs);
  };

  // ---- words --------------------------------------------------------------------------------

  const write = (id, value, text) => words.write($(`c-${id}`), value, text(value));
  const tell = words.teller($("c-told"));

  const kind = (k, d) => (d === K ? "referred" : d === k ? "right" : "wrong");
  const shade = (share) => (share === null ? 0 : Math.min(Math.floor(10 * share), 9));
  const table = (here) => {
    for (const k of classes) {
      for (const d of decisions) {
        const cases = here.confusion[k][d];
        write(`${k}-${d}`, cases, few);
        $(`c-${k}-${d}`).parentNode.className = `${kind(k, d)} s${shade(part(cases, here.cases[k]))}`;
      }
      write(`recall-${k}`, here.recall[k], percent);
      write(`precision-${k}`, here.precision[k], percent);
    }
  };

  const sentence = (here, name) => {
    $("c-name").textContent = name;
    write("right", here.right, few);
    write("wrong", here.wrong, few);
    if (D > K) write("referred", here.referred, few);
    const worst = dearest(here, state.costs);
    $("c-dearest").hidden = worst === null;
    if (!worst) return;
    write("dearest-cases", worst.cases, few);
    write("dearest-cost", worst.cost, number);
    $("c-dearest-true").textContent = study.labels[worst.k];
    $("c-dearest-decided").textContent = study.labels[worst.d];
  };

  const update = () => {
    const own = study.given && state.costs.every((row, k) => row.every((c, d) => c === study.costs[k][d]));
    const of = (setting) => outcome(own ? setting.exact : counted(setting, state.costs), state.costs);
    const setting = study.settings[state.setting], here = of(setting);
    const twin = state.setting === study.twin ? here : of(study.settings[study.twin]);
    write("cost", here.cost, number);
    write("cost-twin", twin.cost, number);
    write("share", here.share, (share) => number(share, 3));
    sentence(here, setting.name);
    table(here);
    if (study.given) {
      setting.rounded ??= outcome(counted(setting, study.costs), study.costs).cost;
      setting.own ??= outcome(setting.exact, study.costs).cost;
      write("own-rounded", setting.rounded, number);
      write("own", setting.own, number);
      $("c-own-cost").hidden = number(setting.rounded) === number(setting.own);
    }
    $("c-exact").hidden = !own;
    $("c-rounded").hidden = own;
    tell(`${setting.name}: ${few(here.right)} of 1,000 cases right, cost ${number(here.cost)}, with ${study.settings[study.twin].name} ${number(twin.cost)}.`);
  };

  // ---- controls -----------------------------------------------------------------------------

  const form = $("class-controls");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", ({ target }) => {
    if (target.id === "c-setting") {
      state.setting = Number(target.value);
      update();
      return;
    }
    const costs = draft.map((row) => [...row]);
    if (target === referral) for (const row of costs) row[K] = typed(target);
    else {
      const [k, d] = target.id.split("-").slice(2).map(Number);
      costs[k][d] = typed(target);
    }
    take(costs);
  });
  if ($("c-study")) $("c-study").addEventListener("click", () => fill(study.costs.map((row) => [...row])));
  $("c-alike").addEventListener("click", () =>
    fill(study.costs.map((row, k) => row.map((cost, d) => (d === K ? cost : Number(d !== k))))));
  $("c-setting").value = "0";
  form.hidden = false;
  $("c-static").hidden = true;
  fill(study.costs.map((row) => [...row]));
})();
