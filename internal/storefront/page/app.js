// The storefront: shows a variation (a country and an application, in a language)
// from its baked documents, and reads nothing else. Applications ask for different
// fields, so whatever is absent here is simply not shown. All text becomes text
// nodes, never markup.

import { typed, prefixOf, finds, beginsWord } from "./words.js";

const byID = (id) => document.getElementById(id);
const main = byID("main");
const choices = { country: byID("country"), app: byID("application"), lang: byID("language") };

const variationsAddress = "/variations.json";

let variations = null; // the body of variations.json
let chosen = { country: "", app: "", lang: "" }; // no lang: what the country gets by default
let turn = 0; // counts what was asked to be shown, so that a late answer does not replace a newer one

// ---- Elements ----

// el makes an element. Properties with a dash or "role" are attributes; children that are
// null or empty are left out.
function el(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null) continue;
    if (key.includes("-") || key === "role") element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

// text is an element for words of the catalog, which may be in any script.
function text(name, className, words) {
  return words ? el(name, { className, dir: "auto" }, String(words)) : null;
}

// ---- Documents ----

const records = new Map(); // what the panel lists, by address, in the order it was read
const transfers = new Map(); // the browser's measurements, by absolute address

// read gets a document: {status, body, problem}. A status of 0 is no answer at all.
async function read(address) {
  const asked = turn;
  const record = { address, status: 0, headers: new Headers(), text: "" };
  try {
    // Asking with the tag each time shows changes at once; what is unchanged costs a 304.
    const response = await fetch(address, { cache: "no-cache" });
    record.status = response.status;
    record.headers = response.headers;
    record.text = await response.text();
  } catch (error) {
    record.status = 0;
    record.text = String(error);
  }
  if (asked === turn) records.set(address, record);
  showRecords();
  let body = null;
  try {
    body = JSON.parse(record.text);
  } catch {
    return { status: record.status === 200 ? 0 : record.status, body: null, problem: { detail: "The answer is not JSON." } };
  }
  return record.status === 200 ? { status: 200, body, problem: null } : { status: record.status, body: null, problem: body };
}

function addressOf(path) {
  return "/" + [chosen.country, chosen.app, chosen.lang, path].filter(Boolean).join("/");
}

const readHere = (path) => read(addressOf(path));

new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.initiatorType === "fetch") transfers.set(entry.name, entry);
  }
  showRecords();
}).observe({ type: "resource", buffered: true });

// ---- The panel ----

const opened = new Set(); // addresses of records whose JSON is open

function showRecords() {
  if (byID("panel").hidden) return;
  byID("documents").replaceChildren(...[...records.values()].reverse().map(recordElement));
}

function recordElement(record) {
  const good = record.status === 200;
  const facts = factsOf(record);
  const summary = el("summary", {},
    el("span", { className: good ? "badge" : "badge bad" }, record.status === 0 ? "no answer" : String(record.status)),
    el("code", {}, record.address),
    el("span", { className: "brief" }, [facts.Transferred, facts["Content-Encoding"], facts["Edge took"]].join(" · ")));
  const details = el("details", { open: opened.has(record.address) }, summary, el("dl", { className: "headers" },
    Object.entries(facts).map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])));
  const pre = el("pre", { tabIndex: 0, "aria-label": "JSON of " + record.address });
  const fill = () => {
    if (details.open && !pre.isConnected) {
      pre.textContent = pretty(record.text); // large documents are laid out only when looked at
      details.append(pre);
    }
  };
  details.addEventListener("toggle", () => {
    if (details.open) opened.add(record.address);
    else opened.delete(record.address);
    fill();
  });
  return details;
}

function factsOf(record) {
  const header = (name) => record.headers.get(name);
  const duration = /(?:^|,)\s*edge;dur=([\d.]+)/.exec(header("Server-Timing") ?? "");
  return {
    Transferred: transferred(record),
    "Content-Encoding": header("Content-Encoding") ?? "none",
    ETag: header("ETag") ?? "–",
    "Edge took": duration ? `${duration[1]} ms` : "–",
    "Cache-Control": header("Cache-Control") ?? "–",
    Release: header("Ovenbird-Release") ?? "–",
  };
}

function transferred(record) {
  const plain = new TextEncoder().encode(record.text).length;
  const entry = transfers.get(new URL(record.address, location.href).href);
  if (!entry || entry.encodedBodySize === 0) return `${bytes(plain)} of JSON`;
  const body = `${bytes(entry.encodedBodySize)} for ${bytes(plain)} of JSON`;
  return entry.transferSize < entry.encodedBodySize ? `${bytes(entry.transferSize)}: unchanged (304); the body was ${body}` : body;
}

function bytes(n) {
  return n < 1000 ? `${n} B` : `${(n / 1000).toFixed(1)} kB`;
}

function pretty(json) {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

function showPanel(show) {
  byID("panel").hidden = !show;
  byID("panel-toggle").setAttribute("aria-expanded", String(show));
  localStorage.setItem("storefront.panel", show ? "1" : "");
  showRecords();
}

// ---- What titles have in common ----

// imageOf finds a picture by the first of the names that the document has; a card has
// a single one, called image.
function imageOf(title, ...roles) {
  for (const role of [...roles, "image"]) {
    if (title?.[role]?.url) return title[role].url;
  }
  return null;
}

const applicationOf = (name) => variations.applications.find((a) => a.name === name);
const summaryOf = (title) => title.synopsis ?? title.shortSynopsis;
const kindOf = (title) => (title.kind ? title.kind[0] + title.kind.slice(1).toLowerCase() : null);
const ratingOf = (title) => (title.rating ? [title.rating.system, title.rating.value].filter(Boolean).join(" ") : null);

function runtimeOf(title) {
  if (!title.runtime) return null;
  const minutes = Math.floor(title.runtime / 60);
  if (minutes === 0) return `${title.runtime} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function dateOf(instant, withTime) {
  const style = withTime ? { dateStyle: "medium", timeStyle: "short" } : { dateStyle: "medium" };
  return instant ? new Intl.DateTimeFormat(undefined, style).format(new Date(instant)) : null;
}

function availabilityOf(title) {
  const { start, end } = title.availability ?? {};
  const parts = [start && `from ${dateOf(start)}`, end && `until ${dateOf(end, true)}`].filter(Boolean);
  return parts.length > 0 ? "Available " + parts.join(" ") : null;
}

// picture is decoration (the name stands beside it); a broken one becomes the name.
function picture(url, name) {
  const box = el("span", { className: "art", "aria-hidden": "true" });
  const instead = () => box.replaceChildren(el("span", { dir: "auto" }, name ?? ""));
  if (url) box.append(el("img", { alt: "", loading: "lazy", decoding: "async", src: url, onerror: instead }));
  else instead();
  return box;
}

function link(...parts) {
  const query = new URLSearchParams(Object.entries(chosen).filter(([, value]) => value));
  return `#/${parts.map(encodeURIComponent).join("/")}?${query}`;
}

// card links to a title; a preview of what is hidden has no id, so it links nowhere.
function card(title, date) {
  const note = [kindOf(title), title.year, ratingOf(title)].filter(Boolean).join(" · ");
  const parts = [picture(imageOf(title, "poster", "hero", "still"), title.name),
    text("span", "card-name", title.name ?? title.id), text("span", "card-date", date), text("span", "card-note", note)];
  const body = title.id
    ? el("a", { className: "card", href: link("title", title.id), title: title.shortSynopsis ?? null }, parts)
    : el("div", { className: "card" }, parts);
  return el("li", {}, body);
}

// list shows cards in a row or a grid; pictures are wide where the application's are.
function list(kind, cards) {
  const items = el("ul", { className: kind, role: "list" }, cards);
  items.addEventListener("load", ({ target }) => {
    if (target.naturalWidth > target.naturalHeight) items.classList.add("wide");
  }, { capture: true, once: true });
  return items;
}

function hero(title, options) {
  const image = imageOf(title, "hero", "still", "poster");
  return el("section", { className: "hero", "aria-label": title.name ?? "Title" },
    image ? el("img", { src: image, alt: "", onerror: ({ target }) => target.remove() }) : null,
    el("div", { className: "hero-text" }, options.above, text("h1", "", title.name ?? title.id), text("p", "muted", title.tagline),
      text("p", "synopsis", summaryOf(title)), options.below));
}

// ---- Views: each resolves to {name, content} ----

async function homeView() {
  const { status, body, problem } = await readHere("home.json");
  if (status !== 200) return failure(status, problem, "There is no home page here");
  const rails = (body.collections ?? []).filter((rail) => rail.titles?.length > 0);
  if (rails.length === 0) return message("Nothing to watch here yet", "No title can be seen in this country and application.");
  const first = rails[0].titles[0];
  const more = await readHere(`titles/${encodeURIComponent(first.id)}.json`); // cards have no hero picture
  const title = more.body?.title ?? first;
  const call = el("a", { className: "call", href: link("title", first.id) }, "See more");
  return { name: "Home", content: [hero(title, { below: call }), ...rails.map(railElement)] };
}

function railElement(rail) {
  const name = rail.name ?? rail.id;
  return el("section", { className: "section", "aria-label": name },
    el("div", { className: "rail-head" }, text("h2", "", name),
      el("a", { href: link("collection", rail.id, "1"), "aria-label": `All of ${name}` }, rail.titleCount ? `All ${rail.titleCount}` : "All")),
    text("p", "muted", rail.synopsis), list("rail", rail.titles.map((title) => card(title))));
}

async function collectionView(id, page = "1") {
  const { status, body, problem } = await readHere(`collections/${encodeURIComponent(id)}/${encodeURIComponent(page)}.json`);
  const collection = body?.collection;
  if (!collection) return failure(status, problem, "This list is not here");
  const at = Number(page);
  const step = (to, words) => (to >= 1 && to <= (collection.pages ?? 1) ? el("a", { href: link("collection", id, String(to)) }, words) : null);
  return { name: collection.name ?? id, content: [el("section", { className: "section" },
    text("h1", "", collection.name ?? id), text("p", "muted", collection.synopsis),
    list("grid", (collection.titles ?? []).map((title) => card(title))),
    el("nav", { className: "pages", "aria-label": "Pages" }, step(at - 1, "← Previous"), step(at + 1, "Next →")))] };
}

async function titleView(id) {
  const { status, body, problem } = await readHere(`titles/${encodeURIComponent(id)}.json`);
  const title = body?.title;
  if (!title) return failure(status, problem, "This title is not here");
  const facts = [kindOf(title), title.year, runtimeOf(title), ratingOf(title), title.number && `Number ${title.number}`,
    ...(title.genres ?? []), availabilityOf(title)].filter(Boolean);
  const above = title.series ? el("p", {}, el("a", { href: link("title", title.series.id), dir: "auto" }, "← " + (title.series.name ?? "The series"))) : null;
  return { name: title.name ?? id, content: [
    hero(title, { above, below: el("ul", { className: "facts", role: "list" }, facts.map((fact) => text("li", "", fact))) }),
    el("div", { className: "section" }, people(title), (title.seasons ?? []).map(seasonElement),
      group("Episodes", title.episodes), group("Specials", title.specials), group("Clips", title.clips))] };
}

function people(title) {
  const rows = [["Cast", title.cast], ["Directed by", title.directors], ["From", title.origins]].filter(([, names]) => names?.length > 0);
  return rows.length === 0 ? null : el("dl", { className: "people" },
    rows.map(([label, names]) => [el("dt", {}, label), text("dd", "", names.join(", "))]));
}

function seasonElement(season, i) {
  return el("details", { className: "season", open: i === 0 },
    text("summary", "", season.name ?? `Season ${season.number ?? i + 1}`), episodeList(season.episodes ?? []));
}

function group(heading, titles) {
  return titles?.length > 0 ? el("section", { className: "season", "aria-label": heading }, el("h2", {}, heading), episodeList(titles)) : null;
}

function episodeList(titles) {
  return el("ol", { className: "episodes", role: "list" }, titles.map((title) => {
    const note = [runtimeOf(title), title.year, availabilityOf(title)].filter(Boolean).join(" · ");
    return el("li", {}, el("a", { href: link("title", title.id) }, picture(imageOf(title, "still", "hero"), title.name),
      el("div", {}, text("strong", "", [title.number, title.name].filter(Boolean).join(". ")), text("p", "", note), text("p", "", summaryOf(title)))));
  }));
}

async function datedView(path, heading, none, entryOf) {
  const { status, body, problem } = await readHere(path);
  if (status !== 200) return failure(status, problem, "This list is not here");
  const entries = Object.values(body).find(Array.isArray) ?? [];
  if (entries.length === 0) return message(heading, none);
  return { name: heading, content: [el("section", { className: "section" }, el("h1", {}, heading),
    list("grid", entries.map((entry) => card(entry.title, entryOf(entry)))))] };
}

const upcomingView = () => datedView("upcoming.json", "Upcoming", "Nothing opens here in the next 30 days.", (e) => "Opens " + dateOf(e.opens, true));
const leavingView = () => datedView("leaving.json", "Leaving soon", "Nothing leaves here in the next 30 days.", (e) => "Leaves " + dateOf(e.leaves, true));

// ---- Search ----

// found reads the document of the beginning of the longest word, and keeps the titles
// whose name every word that was typed begins a word of.
async function found(query) {
  const words = typed(query);
  const longest = applicationOf(chosen.app)?.documents.find((d) => d.longestPrefix)?.longestPrefix ?? 1;
  const prefix = prefixOf(words, longest);
  if (prefix === "") return { status: 200, words, hits: [] };
  const { status, body, problem } = await read(addressOf(`search/${encodeURIComponent(prefix)}.json`));
  const hits = (body?.search ?? []).filter((title) => finds(title.name ?? "", words));
  return { status: status === 404 ? 200 : status, problem, words, hits }; // 404: nothing begins with it
}

async function searchView(query = "") {
  const { status, problem, words, hits } = await found(query);
  if (status !== 200) return failure(status, problem, "Search does not work right now");
  if (words.length === 0) return message("Search", "Type the beginning of any word of a title's name.");
  if (hits.length === 0) return message("Nothing found", `No title here has a name with “${query}”.`);
  return { name: `Search: ${query}`, content: [el("section", { className: "section" },
    text("h1", "", `“${query}”`), el("p", { className: "muted" }, hits.length === 1 ? "1 title" : `${hits.length} titles`),
    list("grid", hits.map((title) => card(title))))] };
}

// marked is a name in which what was typed stands out.
function marked(name, words) {
  const characters = [...name];
  const parts = [];
  let plain = "";
  for (let i = 0; i < characters.length; i++) {
    let end = 0;
    for (const word of beginsWord(characters, i) ? words : []) {
      for (let j = i + 1; j <= characters.length; j++) {
        const piece = typed(characters.slice(i, j).join("")).join("");
        if (piece.startsWith(word)) end = Math.max(end, j);
        if (piece.length >= word.length) break;
      }
    }
    if (end > i) {
      parts.push(plain, el("mark", {}, characters.slice(i, end).join("")));
      plain = "";
      i = end - 1;
    } else plain += characters[i];
  }
  return [...parts, plain];
}

const box = byID("search");
const suggestions = byID("suggestions");
const most = 8; // suggestions
const pause = 120; // ms without a key before an address is asked for
let waiting = 0; // the timer of that
let asked = 0; // counts what was asked for, so that a late answer does not replace a newer one

function suggestAsTyped() {
  clearTimeout(waiting);
  waiting = setTimeout(suggest, pause);
}

async function suggest() {
  const query = box.value.trim();
  const mine = ++asked;
  if (query === "") return closeSuggestions();
  const { status, words, hits } = await found(query);
  if (mine !== asked || document.activeElement !== box) return;
  const options = hits.slice(0, most).map((title, i) => suggestion(title, words, i));
  if (options.length === 0) {
    const why = status !== 200 ? "Search does not work right now" : words.length === 0 ? "Type a letter or a number" : `Nothing begins with “${query}” here`;
    suggestions.replaceChildren(el("li", { className: "none", role: "presentation" }, why));
  } else suggestions.replaceChildren(...options);
  suggestions.hidden = false;
  box.setAttribute("aria-expanded", "true");
  select(-1);
  byID("status").textContent = hits.length === 1 ? "1 title" : `${hits.length} titles`;
}

// suggestion says what a title is, as far as the application's card does.
function suggestion(title, words, i) {
  const note = [kindOf(title), title.year, runtimeOf(title), ratingOf(title), ...(title.genres ?? []).slice(0, 2)].filter(Boolean).join(" · ");
  const name = title.name ?? title.id;
  return el("li", { role: "option", id: `suggestion-${i}`, "aria-selected": "false", "aria-label": [name, note].filter(Boolean).join(", ") },
    el("a", { href: link("title", title.id), tabIndex: -1, onclick: closeSuggestions },
      picture(imageOf(title, "poster", "hero", "still"), ""),
      el("span", {}, el("span", { className: "suggestion-name", dir: "auto" }, marked(name, words)), text("span", "card-note", note))));
}

const optionsShown = () => [...suggestions.querySelectorAll("[role=option]")];
const selected = () => optionsShown().findIndex((option) => option.getAttribute("aria-selected") === "true");

// select marks one of the suggestions; -1 is none: what was typed.
function select(at) {
  optionsShown().forEach((option, i) => option.setAttribute("aria-selected", String(i === at)));
  if (at < 0) box.removeAttribute("aria-activedescendant");
  else box.setAttribute("aria-activedescendant", `suggestion-${at}`);
  optionsShown()[at]?.scrollIntoView({ block: "nearest" });
}

function closeSuggestions() {
  clearTimeout(waiting);
  asked++;
  suggestions.hidden = true;
  suggestions.replaceChildren();
  box.setAttribute("aria-expanded", "false");
  box.removeAttribute("aria-activedescendant");
}

function searchByKey(event) {
  if (event.isComposing) return; // the keys are an input method's
  const count = optionsShown().length;
  if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count > 0) {
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1;
    select(((selected() + 1 + step + count + 1) % (count + 1)) - 1); // around, by way of what was typed
  } else if (event.key === "Escape" && !suggestions.hidden) {
    event.preventDefault();
    event.stopPropagation();
    closeSuggestions();
  }
}

// openSearch opens the title that is selected, or a page with all that is found.
function openSearch(event) {
  event.preventDefault();
  const chosenOption = optionsShown()[selected()];
  const query = box.value.trim();
  const address = chosenOption ? chosenOption.querySelector("a").getAttribute("href") : query === "" ? link() : link("search", query);
  closeSuggestions();
  main.focus({ preventScroll: true });
  if (location.hash === address) show();
  else location.hash = address;
}

// ---- Messages ----

function message(heading, words) {
  return { name: heading, content: [el("div", { className: "message" }, el("h1", {}, heading), text("p", "muted", words),
    el("a", { className: "call", href: link() }, "To the home page"))] };
}

function failure(status, problem, heading) {
  if (status === 0) return message("No answer", "The edge cannot be reached, or what it said cannot be read. Try again in a moment.");
  const where = choices.country.selectedOptions[0]?.textContent ?? chosen.country;
  const words = status === 404
    ? `It cannot be seen in ${where} with this application. It may be elsewhere: choose another country, or another application.`
    : problem?.detail ?? problem?.title ?? `The edge answered ${status}.`;
  return message(heading, words);
}

// ---- Which variation, and which view ----

const views = { "": homeView, title: titleView, collection: collectionView, upcoming: upcomingView, leaving: leavingView, search: searchView };

// parts takes the address apart: #/title/ID?country=FI&app=web&lang=fi
function parts() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?", 2);
  let segments = [];
  try {
    segments = path.split("/").map(decodeURIComponent);
  } catch {
    segments = [""]; // an escape that is none: the home page
  }
  return { view: segments[0], segments: segments.slice(1), query: new URLSearchParams(query ?? "") };
}

const nameOf = (country) => country.name || country.code;
const option = (value, words) => el("option", { value }, words);

// choose settles on a variation that there is, as near as can be to what is wanted.
function choose(wanted) {
  const { countries, applications } = variations;
  const region = /-([A-Z]{2})\b/.exec(navigator.language)?.[1];
  const country = [wanted.country, region, countries[0]?.code].find((code) => countries.some((c) => c.code === code)) ?? "";
  const offered = applications.filter((a) => a.countries.includes(country));
  const app = offered.find((a) => a.name === wanted.app) ?? offered[0];
  const languages = (app?.editions ?? []).map((e) => e.language).filter(Boolean);
  chosen = { country, app: app?.name ?? "", lang: languages.includes(wanted.lang) ? wanted.lang : "" };

  choices.country.replaceChildren(...[...countries].sort((a, b) => nameOf(a).localeCompare(nameOf(b))).map((c) => option(c.code, nameOf(c))));
  choices.app.replaceChildren(...offered.map((a) => option(a.name, a.displayName || a.name)));
  choices.lang.replaceChildren(option("", "Country's own"), ...languages.map((code) => option(code, languageName(code))));
  byID("language-choice").hidden = languages.length === 0;
  for (const key of Object.keys(choices)) choices[key].value = chosen[key];
  localStorage.setItem("storefront.chosen", JSON.stringify(chosen));
}

function languageName(code) {
  try {
    return new Intl.DisplayNames([code], { type: "language" }).of(code);
  } catch {
    return code;
  }
}

function remembered() {
  try {
    return JSON.parse(localStorage.getItem("storefront.chosen")) ?? {};
  } catch {
    return {};
  }
}

// show follows the address.
async function show() {
  const mine = ++turn;
  const { view, segments, query } = parts();
  choose(query.has("country") ? Object.fromEntries(query) : { ...remembered(), ...Object.fromEntries(query) });
  for (const tab of document.querySelectorAll(".tabs a")) {
    tab.href = link(...(tab.dataset.view === "home" ? [] : [tab.dataset.view]));
    if ((tab.dataset.view === "home" ? "" : tab.dataset.view) === view) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  byID("brand").href = link();
  if (view !== "search") byID("search").value = "";
  else if (document.activeElement !== byID("search")) byID("search").value = segments[0] ?? "";
  for (const address of records.keys()) {
    if (address !== variationsAddress) records.delete(address);
  }
  main.setAttribute("aria-busy", "true");
  const shown = Object.hasOwn(views, view) ? await views[view](...segments) : message("There is no such page", "The address leads nowhere.");
  if (mine !== turn) return;
  main.removeAttribute("aria-busy");
  main.replaceChildren(...shown.content);
  // The link that led here may be gone; the keyboard goes on where its view begins.
  if (mine > 1 && document.activeElement === document.body) main.focus({ preventScroll: true });
  document.title = `${shown.name} · ${variations.site?.name || "Ovenbird"}`;
  byID("status").textContent = shown.name;
  if (view !== "search") window.scrollTo(0, 0);
}

function chooseAnew() {
  chosen = { country: choices.country.value, app: choices.app.value, lang: choices.lang.value };
  const { view, segments } = parts();
  location.hash = link(...(view === "" ? [] : [view, ...segments]));
}

async function start() {
  const { status, body, problem } = await read(variationsAddress);
  if (status !== 200) {
    main.replaceChildren(...failure(status, problem, "There is nothing to show yet").content);
    return;
  }
  variations = body;
  byID("brand").textContent = body.site?.name || "Ovenbird";
  for (const select of Object.values(choices)) select.addEventListener("change", chooseAnew);
  box.addEventListener("input", suggestAsTyped);
  box.addEventListener("focus", suggestAsTyped);
  box.addEventListener("keydown", searchByKey);
  byID("search-form").addEventListener("submit", openSearch);
  byID("search-form").addEventListener("focusout", ({ relatedTarget }) => {
    if (!byID("search-form").contains(relatedTarget)) closeSuggestions();
  });
  suggestions.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus until a click
  window.addEventListener("hashchange", show);
  show();
}

byID("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the hash says what is shown: it cannot also say where to go
  main.focus();
});
byID("panel-toggle").addEventListener("click", () => showPanel(byID("panel").hidden));
byID("panel-close").addEventListener("click", () => {
  showPanel(false);
  byID("panel-toggle").focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !byID("panel").hidden) showPanel(false);
});
// The panel stands below the bar, which is as high as its controls need.
new ResizeObserver(([entry]) => {
  document.documentElement.style.setProperty("--bar", `${entry.target.offsetHeight}px`);
}).observe(byID("bar"));
showPanel(localStorage.getItem("storefront.panel") === "1");
start();
