"use strict";
// The report's trace browser, and the folded sections. Text of models enters the page by textContent alone.
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("trace-data").textContent);
  const RIGHT = 1, LENIENT = 2, FORMED = 4, TRUNCATED = 8, MIXED = 16;
  const CONTROLS = ["q", "family", "level", "model-a", "is-a", "model-b", "is-b"];
  const controls = Object.fromEntries(CONTROLS.map((id) => [id, byId(id)]));
  const list = byId("problems");
  const state = { problem: null, answer: 0 };
  let shown = [];

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const textOf = new Map();
  const haystack = (problem) => {
    if (!textOf.has(problem.id)) {
      const completions = problem.answers.flat().map((answer) => answer[0]);
      textOf.set(problem.id, [problem.prompt, problem.answer, ...completions].join("\n").toLowerCase());
    }
    return textOf.get(problem.id);
  };

  // A model is right on a problem if at least half of all its answers are.
  const agrees = (problem, model, verdict) => {
    if (!model || !verdict) return true;
    const right = 2 * problem.right[data.models.indexOf(model)] >= data.drawn;
    return right === (verdict === "right");
  };

  const matches = (problem) => {
    const value = (id) => controls[id].value;
    return (!value("family") || problem.family === value("family"))
      && (!value("level") || problem.level === value("level"))
      && agrees(problem, value("model-a"), value("is-a"))
      && agrees(problem, value("model-b"), value("is-b"))
      && (!value("q") || haystack(problem).includes(value("q").toLowerCase()));
  };

  const row = (problem) => {
    const button = element("button", "row");
    button.type = "button";
    button.dataset.id = problem.id;
    button.tabIndex = -1;
    button.append(element("span", "prompt", problem.prompt), element("small", "", problem.family));
    const strip = element("span", "strip");
    strip.setAttribute("aria-hidden", "true");
    problem.right.forEach((right) => strip.append(element("i", `h${Math.round((4 * right) / data.drawn)}`)));
    button.append(strip);
    const item = element("li");
    item.append(button);
    return item;
  };

  const fact = (name, value, good) => {
    const span = element("span", good === undefined ? "" : good ? "good" : "bad");
    span.append(`${name} `, element("b", "", value));
    return span;
  };

  const card = (problem, number) => {
    const made = element("article", "answer");
    const head = element("header");
    head.append(element("h4", "", data.titles[number]));
    head.append(element("small", "", `${problem.right[number]} of ${data.drawn} right`));
    made.append(head);
    const answer = problem.answers[number][state.answer];
    if (!answer) {
      made.append(element("p", "muted", "No such answer."));
      return made;
    }
    const [completion, predicted, tokens, reflections, flags] = answer;
    const verdict = flags & RIGHT ? "right" : flags & LENIENT ? "right only if read leniently" : "wrong";
    made.classList.add(flags & RIGHT ? "is-right" : "is-wrong");
    const facts = element("p", "facts");
    facts.append(element("strong", flags & RIGHT ? "good" : "bad", `${flags & RIGHT ? "✓" : "✗"} ${verdict}`));
    facts.append(fact("predicted", predicted === null ? "nothing" : predicted));
    facts.append(fact("accuracy", flags & RIGHT ? "1" : "0", Boolean(flags & RIGHT)));
    facts.append(fact("format", flags & FORMED ? "1" : "0", Boolean(flags & FORMED)));
    facts.append(fact("tokens", String(tokens)));
    if (reflections) facts.append(fact("reflections", String(reflections)));
    if (flags & MIXED) facts.append(element("span", "", "mixed languages"));
    if (flags & TRUNCATED) facts.append(element("span", "bad", "cut at the limit"));
    made.append(facts, element("pre", completion ? "" : "muted", completion || "(empty)"));
    return made;
  };

  const draw = () => {
    const problem = data.problems.find((one) => one.id === state.problem);
    byId("problem").hidden = !problem;
    if (!problem) return;
    byId("problem-prompt").textContent = problem.prompt;
    byId("problem-answer").textContent = problem.answer;
    byId("problem-place").textContent = `${problem.family}, level ${problem.level}, problem ${problem.id}`;
    byId("problem-link").setAttribute("href", `#${fragment()}`);
    byId("answers").replaceChildren(...data.models.map((_, number) => card(problem, number)));
    const at = shown.findIndex((one) => one.id === problem.id);
    byId("previous").disabled = at <= 0;
    byId("next").disabled = at < 0 || at >= shown.length - 1;
    for (const button of list.querySelectorAll("button")) {
      const current = Number(button.dataset.id) === problem.id;
      button.tabIndex = current ? 0 : -1;
      if (current) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    if (at < 0 && list.querySelector("button")) list.querySelector("button").tabIndex = 0;
  };

  const filter = () => {
    shown = data.problems.filter(matches);
    list.replaceChildren(...shown.map(row));
    byId("count").textContent = `${shown.length} of ${data.problems.length} problems`;
    if (!shown.some((one) => one.id === state.problem)) state.problem = shown.length ? shown[0].id : null;
    draw();
  };

  const fragment = () => {
    const said = new URLSearchParams({ trace: state.problem });
    if (state.answer) said.set("answer", state.answer + 1);
    for (const id of CONTROLS) if (controls[id].value) said.set(id, controls[id].value);
    return said.toString();
  };

  const remember = () => history.replaceState(null, "", `#${fragment()}`);

  const select = (id, focus) => {
    state.problem = id;
    draw();
    remember();
    const button = list.querySelector('[aria-current="true"]');
    if (!button) return;
    // Only the list scrolls: scrollIntoView would move the page too.
    const above = button.offsetTop - list.offsetTop;
    if (above < list.scrollTop) list.scrollTop = above;
    if (above + button.offsetHeight > list.scrollTop + list.clientHeight) {
      list.scrollTop = above + button.offsetHeight - list.clientHeight;
    }
    if (focus) button.focus({ preventScroll: true });
  };

  const step = (by, focus) => {
    const at = shown.findIndex((one) => one.id === state.problem);
    const next = shown[Math.max(0, Math.min(shown.length - 1, at + by))];
    if (next) select(next.id, focus);
  };

  const choose = (answer) => {
    state.answer = Math.max(0, Math.min(data.shown - 1, answer));
    byId("sample").value = String(state.answer);
  };

  const open = (id) => {
    const target = id && byId(id);
    if (target instanceof HTMLDetailsElement) target.open = true;
  };

  // A fragment that names a problem selects it; any other is the browser's, except that a folded section opens.
  const follow = () => {
    const said = new URLSearchParams(location.hash.slice(1));
    if (!said.has("trace")) {
      open(location.hash.slice(1));
      return;
    }
    for (const id of CONTROLS) {
      controls[id].value = said.get(id) || "";
      if (controls[id].selectedIndex === -1) controls[id].value = "";
    }
    choose(Number(said.get("answer") || 1) - 1 || 0);
    const wanted = Number(said.get("trace"));
    if (data.problems.some((one) => one.id === wanted)) state.problem = wanted;
    filter();
    byId("traces").scrollIntoView();
  };

  const options = (select, names) => names.forEach(([value, name]) => {
    const option = element("option", "", name);
    option.value = value;
    select.append(option);
  });
  const distinct = (key) => [...new Set(data.problems.map((one) => one[key]))].map((name) => [name, name]);
  options(controls.family, distinct("family"));
  options(controls.level, distinct("level"));
  for (const id of ["model-a", "model-b"]) {
    options(controls[id], data.models.map((model, number) => [model, data.titles[number]]));
  }
  options(byId("sample"), Array.from({ length: data.shown }, (_, number) => [String(number), `answer ${number + 1}`]));

  for (const id of CONTROLS) controls[id].addEventListener("input", () => { filter(); remember(); });
  byId("sample").addEventListener("input", (event) => { choose(Number(event.target.value)); draw(); remember(); });
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("reset").addEventListener("click", () => {
    for (const id of CONTROLS) controls[id].value = "";
    filter();
    remember();
  });
  for (const preset of document.querySelectorAll("[data-preset]")) {
    const rules = preset.dataset.preset.split(" ").map((rule) => rule.split(":"));
    preset.hidden = !rules.every(([model]) => data.models.includes(model));
    preset.addEventListener("click", () => {
      ["a", "b"].forEach((end, number) => {
        [controls[`model-${end}`].value, controls[`is-${end}`].value] = rules[number];
      });
      filter();
      remember();
    });
  }
  list.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) select(Number(button.dataset.id));
  });
  list.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    step(by, true);
  });
  window.addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link) open(link.getAttribute("href").slice(1));
  });

  const folded = () => document.querySelectorAll("details:not([open])");
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...folded()];
    for (const one of opened) one.open = true;
  });
  window.addEventListener("afterprint", () => { for (const one of opened) one.open = false; });

  byId("browser").hidden = false;
  filter();
  follow();
})();
