"use strict";
// The item browser: reads the page's own compressed data, shows one item at a time. Every text of an item or a reply
// is put in place as textContent, so that it stays text whatever it contains.
(() => {
  const NAMES = {
    c: "correct", w: "wrong", r: "refused", u: "unparseable", e: "empty", x: "error", a: "answered",
  };
  const LONGEST = 1500;
  const KEPT = 6;
  const box = document.getElementById("browser");
  const sample = document.getElementById("sample");
  if (!box || !("DecompressionStream" in window)) return;
  const part = (name) => document.getElementById(`browser-${name}`);
  const wait = () => new Promise((done) => setTimeout(done));

  async function unpacked(element) {
    const bytes = Uint8Array.from(atob(element.textContent.trim()), (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }

  function element(name, text, attributes = {}) {
    const made = document.createElement(name);
    if (text !== undefined && text !== null) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) if (value) made.setAttribute(key, value);
    return made;
  }

  const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const counted = (number) => number.toLocaleString("en");

  let index, starts, english, kin, found = [], at = 0, search = 0, hits = null;
  const chunks = new Map();

  function chunk(number) {
    if (!chunks.has(number)) {
      if (chunks.size >= KEPT) chunks.delete(chunks.keys().next().value);
      chunks.set(number, unpacked(document.getElementById(`items-${number}`)));
    }
    const held = chunks.get(number);
    chunks.delete(number);
    chunks.set(number, held);
    return held;
  }

  function chunkOf(item) {
    let low = 0, high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle] <= item) low = middle; else high = middle - 1;
    }
    return low;
  }

  async function held(item) {
    const number = chunkOf(item);
    return (await chunk(number))[item - starts[number]];
  }

  // What a reply's outcome must be for an item to be shown; `there` is the same model's outcome in English.
  const TESTS = {
    correct: (here) => here === "c",
    wrong: (here) => here === "w",
    none: (here) => "rue".includes(here),
    error: (here) => here === "x",
    lost: (here, there) => there === "c" && "wrue".includes(here),
    gained: (here, there) => here === "c" && "wrue".includes(there),
  };

  function matches(item) {
    const lang = part("lang").value, task = part("task").value;
    if (lang && index.langs[index.lang[item]].code !== lang) return false;
    if (task && index.tasks[index.task[item]] !== task) return false;
    const wanted = part("outcome").value, subject = part("model").value;
    const own = index.outcomes[item];
    if (!wanted) return !subject || own[subject] !== "-";
    if (wanted === "apart") return own.includes("c") && /[wrue]/.test(own);
    const base = english.get(index.group[item] * index.tasks.length + index.task[item]);
    const crossing = wanted === "lost" || wanted === "gained";
    if (crossing && (base === undefined || base === item)) return false;
    const there = base === undefined ? "" : index.outcomes[base];
    const fits = (at) => own[at] !== "-" && TESTS[wanted](own[at], crossing ? there[at] : "");
    if (subject) return fits(Number(subject));
    for (let one = 0; one < own.length; one += 1) if (fits(one)) return true;
    return false;
  }

  function say(text) { part("status").textContent = text; }

  async function filter(keep) {
    search += 1;
    hits = null;
    const own = search, current = found[at];
    const words = folded(part("search").value.trim());
    const listed = [];
    for (let item = 0; item < index.id.length; item += 1) if (matches(item)) listed.push(item);
    if (words) {
      hits = [];
      for (const [place, item] of listed.entries()) {
        if (place % 200 === 0) {
          say(`Searching: ${counted(place)} of ${counted(listed.length)} items read, ${counted(hits.length)} found.`);
          await wait();
          if (own !== search) return;
        }
        const entry = await held(item);
        if (own !== search) return;
        const told = [index.id[item], entry.q, entry.c, entry.a, ...(entry.o || []), ...entry.r.map((reply) => reply.t)];
        if (told.some((text) => text && folded(text).includes(words))) hits.push(item);
      }
    }
    found = hits || listed;
    at = keep ? Math.max(0, found.indexOf(current)) : 0;
    await show();
  }

  function letter(place) { return place < 26 ? String.fromCharCode(65 + place) : String(place + 1); }

  function said(text, marks) {
    const cell = element("td");
    if (text === null || text === undefined) return cell;
    if (text === "") { cell.append(element("span", "(empty)", { class: "range" })); return cell; }
    const shown = element("div", text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text, { class: "said", ...marks });
    cell.append(shown);
    if (text.length > LONGEST) {
      const more = element("button", `Show all ${counted(text.length)} characters`, { type: "button", "aria-expanded": "false" });
      more.addEventListener("click", () => { shown.textContent = text; more.remove(); shown.tabIndex = -1; shown.focus(); });
      cell.append(more);
    }
    return cell;
  }

  function replyRow(reply, item, entry, marks) {
    const subject = index.subjects[reply.s], outcome = NAMES[index.outcomes[item][reply.s]];
    const row = element("tr");
    const name = element("th", subject.label, { scope: "row" });
    if (index.settings > 1) name.append(element("span", ` ${subject.setting}`, { class: "name" }));
    const verdict = element("td");
    verdict.append(element("span", outcome, { class: `verdict ${outcome}` }));
    const chose = reply.c && reply.c.length ? reply.c.map(letter).join(", ") : "–";
    const text = said(reply.t, marks);
    if (reply.d) text.append(element("span", reply.d, { class: "range" }));
    if (!text.childNodes.length) text.append(element("span", "options scored", { class: "range" }));
    row.append(name, verdict, element("td", chose), text);
    return row;
  }

  function drawn(item, entry) {
    const lang = index.langs[index.lang[item]];
    const marks = { lang: lang.code, dir: lang.dir };
    const article = part("item");
    const title = element("h3", index.id[item], { id: "browser-title" });
    const about = element("p", `${lang.name}; ${index.tasks[index.task[item]]}`, { class: "note" });
    const parts = [title, about];
    if (entry.c) parts.push(element("p", entry.c, { class: "question", ...marks }));
    if (entry.q) parts.push(element("p", entry.q, { class: "question", ...marks }));
    if (entry.o && entry.o.length) {
      const list = element("ol", null, { type: "A", class: "options" });
      entry.o.forEach((option, place) => {
        const right = (entry.w || []).includes(place);
        const line = element("li", null, { class: right ? "right" : "" });
        line.append(element("span", option, marks));
        if (right) line.append(" (right)");
        list.append(line);
      });
      parts.push(list);
    }
    if (entry.a && !(entry.o && entry.o.length)) {
      const reference = element("p");
      reference.append(element("strong", "Reference: "), element("span", entry.a, marks));
      parts.push(reference);
    }
    const others = kin.get(index.group[item]).filter((other) => other !== item);
    if (others.length) {
      const row = element("p", "The same item: ", { class: "kin" });
      for (const other of others) {
        const there = index.langs[index.lang[other]];
        const again = index.task[other] === index.task[item] ? "" : `, ${index.tasks[index.task[other]]}`;
        const jump = element("button", `${there.name}${again}`, { type: "button" });
        jump.addEventListener("click", () => open(other));
        row.append(jump, " ");
      }
      parts.push(row);
    }
    const table = element("table", null, { class: "replies" });
    table.append(element("caption", `Replies to ${index.id[item]}`));
    const head = element("tr"), body = element("tbody"), top = element("thead");
    for (const name of ["Model", "Outcome", "Chose", "Reply"]) head.append(element("th", name, { scope: "col" }));
    top.append(head);
    const first = part("model").value;
    const ordered = first ? [...entry.r].sort((a, b) => (b.s === Number(first)) - (a.s === Number(first))) : entry.r;
    body.append(...ordered.map((reply) => replyRow(reply, item, entry, marks)));
    table.append(top, body);
    const frame = element("div", null, { class: "scroll", tabindex: "0", role: "region", "aria-label": "Replies" });
    frame.append(table);
    article.replaceChildren(...parts, frame);
  }

  let drawing = 0;

  async function show() {
    drawing += 1;
    const own = drawing, item = found[at];
    part("previous").disabled = at === 0;
    part("next").disabled = at >= found.length - 1;
    part("place").max = Math.max(1, found.length);
    part("place").value = found.length ? at + 1 : "";
    part("link").hidden = !found.length;
    if (!found.length) {
      part("item").replaceChildren();
      say("No item fits. Loosen a filter.");
      return;
    }
    const entry = await held(item);
    if (own !== drawing) return;
    drawn(item, entry);
    part("link").href = `#item=${encodeURIComponent(index.id[item])}`;
    const some = found.length < index.id.length ? `${counted(found.length)} found, ` : "";
    say(`Item ${counted(at + 1)} of ${some || ""}${counted(index.id.length)}${some ? " in this page" : ""}: ${index.id[item]}, ${index.langs[index.lang[item]].name}.`);
  }

  // Shows an item even where the filters leave it out: they are set back then.
  async function open(item) {
    let place = found.indexOf(item);
    if (place < 0) {
      search += 1;
      part("form").reset();
      found = index.id.map((_, one) => one);
      place = item;
    }
    at = place;
    await show();
    part("item").focus({ preventScroll: true });
  }

  function linked() {
    const [key, name] = location.hash.slice(1).split("=");
    if (key !== "item" || !name) return;
    const item = index.id.indexOf(decodeURIComponent(name));
    if (item >= 0) open(item).then(() => box.scrollIntoView());
  }

  function step(by) {
    const next = Math.min(Math.max(at + by, 0), found.length - 1);
    if (next !== at && next >= 0) { at = next; show(); }
  }

  function option(select, value, text) {
    const made = element("option", text);
    made.value = value;
    select.append(made);
  }

  async function start() {
    index = await unpacked(document.getElementById("items-index"));
    starts = [0];
    for (const size of index.chunks.slice(0, -1)) starts.push(starts[starts.length - 1] + size);
    english = new Map();
    kin = new Map();
    index.id.forEach((_, item) => {
      const group = index.group[item];
      if (!kin.has(group)) kin.set(group, []);
      kin.get(group).push(item);
      if (index.langs[index.lang[item]].code === index.reference) english.set(group * index.tasks.length + index.task[item], item);
    });
    for (const lang of index.langs) option(part("lang"), lang.code, lang.name);
    for (const task of index.tasks) option(part("task"), task, task);
    index.subjects.forEach((one, place) => option(part("model"), String(place), index.settings > 1 ? `${one.label}, ${one.setting}` : one.label));
    part("task").closest("label").hidden = index.tasks.length < 2;
    for (const name of ["lang", "task", "model", "outcome"]) part(name).addEventListener("change", () => filter(true));
    part("form").addEventListener("submit", (event) => { event.preventDefault(); filter(false); });
    part("form").addEventListener("reset", () => setTimeout(() => filter(true)));
    part("previous").addEventListener("click", () => step(-1));
    part("next").addEventListener("click", () => step(1));
    part("place").addEventListener("change", (event) => step(Number(event.target.value) - 1 - at));
    box.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
      if (event.key === "n") step(1);
      else if (event.key === "p") step(-1);
    });
    addEventListener("hashchange", linked);
    box.hidden = false;
    if (sample) sample.hidden = true;
    found = index.id.map((_, item) => item);
    await show();
    linked();
  }

  start().catch((error) => {
    // The sample, which needs no script, stays where the data cannot be read.
    box.hidden = true;
    if (sample) sample.hidden = false;
    part("failed").hidden = false;
    part("failed").textContent = `The items in this page cannot be read (${error.message}); a sample stands below.`;
  });
})();
