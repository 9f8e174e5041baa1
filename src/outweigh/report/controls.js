// The controls: costs, a budget, a threshold, a prevalence and a setting, over counted tables.
(async () => {
  const $ = (id) => document.getElementById(id);
  if (!$("study-data") || !window.DecompressionStream) return;
  const study = JSON.parse($("study-data").textContent);
  study.settings = await unpacked(study, $("study-tables").textContent);
  const state = { ...study.start };
  const at = pointsOf(study, state), sayings = sayingsOf(study, state, at);
  const draw = liveCharts(study, state, at), sliders = slidersOf(study), tell = words.teller($("told"));
  const named = (name) => study.settings.find((setting) => setting.name === name);
  const twin = named(study.twin);

  // ---- what the controls say ----------------------------------------------------------------

  const form = $("controls");
  const take = (name, value) => {
    // Take what a control says; what makes no sense is told, and changes nothing.
    const { limits: [low, high], must } = sliders[name];
    const input = $(name), fine = Number.isFinite(value) && value > low && value < high;
    input.setAttribute("aria-invalid", String(!fine));
    $("trouble").textContent = fine ? "" : `${input.labels[0].textContent} must be ${must}.`;
    if (!fine) return false;
    state[name] = value;
    if (name === "alerts" || name === "threshold") state.by = name;
    return true;
  };
  const typed = (name, text) => (text.trim() === "" ? NaN : (sliders[name].read || Number)(text));

  // ---- what is said to them -----------------------------------------------------------------

  const fill = (name, text) => {
    // What a field says follows, but where somebody types.
    const input = $(name);
    if (document.activeElement === input) return;
    input.value = text;
    input.setAttribute("aria-invalid", "false");
  };
  const show = (name, value, place) => {
    const range = $(`${name}-range`), { typed, shown } = sliders[name];
    fill(name, value === null ? "" : String(typed(value)));
    range.value = String(place);
    range.setAttribute("aria-valuetext", shown(value));
  };
  const fields = (here) => {
    for (const radio of form.elements.by) radio.checked = radio.value === state.by;
    for (const name of ["miss", "alarm", "alerts", "prevalence"])
      show(name, state[name], Math.round(sliders[name].from(state[name])));
    show("threshold", here.threshold, here.knot);
    if (!form.querySelector("[aria-invalid=true]")) $("trouble").textContent = "";
  };

  // ---- what follows -------------------------------------------------------------------------

  const write = (id, value, text) => words.write($(`n-${id}`), value, text(value));
  const numbers = (here, other) => {
    const saved = other.cost > 0 ? (100 * (other.cost - here.cost)) / other.cost : null;
    write("knot", here.knot, String);
    write("threshold", here.countedAt, () => words.cutOff(here.threshold));
    for (const cell of KINDS) write(cell, here[cell], words.whole);
    for (const share of ["flagged", "recall", "precision", "share"]) write(share, here[share], words.percent);
    write("cost", here.cost, words.number);
    write("cost-twin", other.cost, words.number);
    write("saving", saved, words.signed);
  };
  const everywhere = (query, text) => {
    for (const element of document.querySelectorAll(query)) element.textContent = text;
  };
  const texts = (setting, here, other, cases) => {
    const twins = sayings.told(other.cases);
    KINDS.forEach((cell, i) => {
      everywhere(`[data-cases="${cell}"]`, cases.texts[i]);
      everywhere(`[data-twin="${cell}"]`, twins.texts[i]);
    });
    everywhere("[data-name=setting]", state.setting);
    for (const cell of document.querySelectorAll(".of-twin")) cell.hidden = setting === twin;
    $("implied").textContent = words.number(at.implied());
    if ($("command")) $("command").textContent = sayings.command(setting, here);
    $("shown").textContent = sayings.shown(here);
    $("saying").textContent = sayings.saying(cases);
  };
  const decided = (setting) => {
    // What is done now; the rules that do not decide follow the one that does.
    state.knot = at.knotOf(state.by === "costs" ? at.implied() : state.threshold);
    const here = at.point(setting);
    if (state.by !== "threshold") state.threshold = here.threshold ?? Infinity;
    if (state.by !== "alerts") state.alerts = Math.min(Math.max(1000 * here.flagged, 1e-3), 999.9);
    return here;
  };
  const update = () => {
    const setting = named(state.setting), here = decided(setting), other = at.point(twin);
    const cases = sayings.told(here.cases);
    fields(here);
    numbers(here, other);
    texts(setting, here, other, cases);
    paint(here.cases);
    draw(here);
    return `${sayings.saying(cases)} Cost ${words.number(here.cost)} per 1,000 cases.`;
  };

  // ---- what is heard ------------------------------------------------------------------------

  form.addEventListener("input", (event) => {
    const { id, name, value } = event.target, of = id.replace(/-range$/, "");
    if (id === "setting") state.setting = study.settings[+value].name;
    else if (name === "by") state.by = value;
    else if (id === "threshold-range") Object.assign(state, { by: "threshold", threshold: at.threshold(+value) ?? Infinity });
    else if (!take(of, id === of ? typed(of, value) : sliders[of].to(+value))) return;
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
  const begin = () => {
    Object.assign(state, study.start, { threshold: at.knots[study.start.knot] });
    $("setting").value = String(study.settings.findIndex((setting) => setting.name === state.setting));
    return update();
  };
  $("reset").addEventListener("click", () => tell(begin()));
  form.hidden = false;
  document.documentElement.classList.add("alive");
  begin();
})();
