// The page of an audit: its cards, the filter, mouse, finger and keyboard. What is decided is in
// audit_decisions.js, which comes before.

// What is shown ----------------------------------------------------------------------------------------

const colours = new Map(labels.map((label) => [label.name, label.colour]));
const cards = photographs.map(() => []); // of each photograph, wherever it stands
const large = $("large");
let visible = []; // the cards that the filter leaves
let current = null; // the one that keys are about
let columns = 2; // photographs beside each other

const sections = [...document.querySelectorAll("#findings section")].map((node, number) => {
  const section = { node, flag: audit.findings[number].flag };
  section.groups = audit.findings[number].groups.map((each) => {
    const group = { ...each, section, whole: each.kind !== "sheet" };
    group.cards = each.cards.map(([index, measure], k) => {
      const beside = each.kind === "ranked" && k > 0; // only to compare with
      return { index, measure, group, node: null, open: photographs[index].line !== undefined && !beside };
    });
    group.cards.forEach((card) => cards[card.index].push(card));
    return group;
  });
  return section;
});

// Of thousands of cards only those near the window are made, a block of some rows at a time.
const near = new IntersectionObserver(
  (seen) => seen.forEach(({ isIntersecting, target }) => isIntersecting && build(target)),
  { rootMargin: "50% 0px" },
);

function fitting() { // how many photographs stand beside each other, as the style has it
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  return matchMedia("(max-width: 40rem)").matches ? 2 : Math.max(2, Math.floor(($("findings").clientWidth / rem + 1) / 12));
}

function filter() {
  const [flag, source, label, decision] = ["flag", "source", "label", "decision"].map((id) => $(id).value);
  const name = $("name").value.toLowerCase();
  const fits = ({ index, open }) =>
    open &&
    (!source || source === `=${photographs[index].source}`) &&
    (!label || label === `=${photographs[index].label || ""}`) &&
    (!decision || decision === `=${kind(index)}`) &&
    (!name || photographs[index].path.toLowerCase().includes(name));
  columns = fitting();
  visible = [];
  near.disconnect();
  for (const section of sections) {
    const blocks = [];
    for (const group of !flag || flag === `=${section.flag}` ? section.groups : []) {
      group.shown = group.cards.filter(fits);
      if (!group.shown.length) continue;
      if (group.whole) group.shown = group.cards; // a set is shown whole
      for (const card of group.shown) Object.assign(card, { node: null, place: visible.push(card) - 1 });
      if (!group.whole) {
        blocks.push(head(group));
        for (let k = 0; k < group.shown.length; k += 2 * columns)
          blocks.push(block([group, group.shown.slice(k, k + 2 * columns)]));
      } else if (blocks.length && blocks.at(-1).parts.length < 4) add(blocks.at(-1), [group, group.shown]);
      else blocks.push(block([group, group.shown]));
    }
    section.node.querySelector(".groups").replaceChildren(...blocks);
    section.node.hidden = !blocks.length;
  }
  $("none").hidden = visible.length > 0;
  if (!current || visible[current.place] !== current) current = visible[0] || null;
  if (current) build(current.block); // so that the Tab key leads to it
}

function block(part) {
  const node = Object.assign(element("div", "block"), { parts: [], rows: 0 });
  near.observe(node);
  return add(node, part);
}

function add(node, [group, shown]) {
  node.parts.push([group, shown]);
  shown.forEach((card) => (card.block = node));
  node.rows += Math.ceil(shown.length * (group.whole ? 1.3 : 1) / columns);
  node.style.minHeight = `${22 * node.rows}rem`; // until it is made
  return node;
}

function build(node) {
  near.unobserve(node);
  node.style.minHeight = "";
  for (const [group, shown] of node.parts.splice(0)) {
    const sheet = element("div", "sheet");
    sheet.append(...shown.map(make));
    if (group.whole) {
      const box = element("div", group.kind);
      box.append(head(group), sheet);
      if (group.more) box.append(element("p", "", `and ${group.more} more in the CSV`));
      node.append(box);
    } else node.append(sheet);
  }
}

function head(group) {
  const node = element("div", "head");
  if (group.head) node.append(element("h3", "", group.head));
  if (group.small) node.append(element("span", "small", group.small));
  const all = of(group).length;
  if (all > 1) {
    const choice = made("choice");
    const [keep, drop, label] = choice.children;
    [keep.textContent, drop.textContent, label[0].textContent] = [`Keep all ${all}`, `Drop all ${all}`, "Relabel all"];
    node.append(choice);
  }
  stops(node, current && current.group === group);
  return (group.node = Object.assign(node, { group }));
}

function make(card) {
  const { picture, path, name } = photographs[card.index];
  const node = made("card");
  card.node = Object.assign(node, { card, title: path, tabIndex: card === current ? 0 : -1 });
  node.setAttribute("aria-label", name);
  node.querySelector(".words").append(words(photographs[card.index], card.measure));
  if (picture) node.querySelector("img").src = picture;
  else Object.assign(node.querySelector(".picture"), { className: "picture none", textContent: "cannot be shown" });
  if (card.open) node.append(made("choice"));
  stops(node, card === current);
  mark(node, card.index);
  return node;
}

function words(photograph, measure) {
  const node = made("words");
  const put = (name, text) => (node.querySelector(`.${name}`).textContent = text);
  put("label", photograph.label || "no label");
  if (photograph.label) node.querySelector(".label").style.setProperty("--c", colours.get(photograph.label));
  put("source", photograph.source);
  put("name", photograph.name);
  put("folder", photograph.folder);
  put("flags", photograph.flags.join("; ") + (measure && ` (${measure})`));
  return node;
}

function mark(node, index) { // a card or the large picture: what is decided on it
  if (!node) return;
  node.dataset.kind = kind(index);
  const [keep, drop, label] = node.querySelectorAll(".choice > *");
  if (!keep) return;
  keep.setAttribute("aria-pressed", node.dataset.kind === "keep");
  drop.setAttribute("aria-pressed", node.dataset.kind === "drop");
  label.value = decided[index][1];
}

function element(tag, className = "", textContent = "") {
  return Object.assign(document.createElement(tag), { className, textContent });
}

function count() {
  const done = { "": 0, keep: 0, drop: 0, label: 0 };
  for (const i of rows) done[kind(i)]++;
  $("count").textContent =
    `${rows.length - done[""]} of ${rows.length} decided: ${done.keep} kept, ${done.drop} dropped, ${done.label} relabelled`;
  $("undo").disabled = !past.length;
  for (const { node, groups } of sections) {
    const left = groups.flatMap((group) => group.cards).filter(({ index, open }) => open && !kind(index));
    node.querySelector(".left").textContent = `(${left.length || "none"} undecided)`;
  }
}

function say(text) {
  $("note").textContent = text;
  $("note").hidden = !text;
}

// Mouse, finger and keyboard ---------------------------------------------------------------------------

function of(group) { // the photographs of a group to decide on
  return group.shown.filter((card) => card.open).map((card) => card.index);
}

function stops(node, yes) { // whether the Tab key leads to what is in it
  node.querySelectorAll("button, select").forEach((control) => (control.tabIndex = yes ? 0 : -1));
}

function enter(card) { // the Tab key leads only to the current card, and to what its set has in common
  for (const [each, yes] of [[current, false], [card, true]]) {
    if (!each?.node) continue;
    each.node.tabIndex = yes ? 0 : -1;
    stops(each.node, yes);
    stops(each.group.node, yes);
  }
  current = card;
}

function go(card) {
  if (!card) return;
  build(card.block);
  enter(card);
  if (large.open) enlarge();
  else card.node.focus();
}

function beside(step) { // the nearest card of the next row
  const at = current.node.getBoundingClientRect();
  let best = null, row = null, least = Infinity;
  for (let k = current.place + step; visible[k]; k += step) {
    build(visible[k].block);
    const there = visible[k].node.getBoundingClientRect();
    if (Math.abs(there.top - at.top) < at.height / 2) continue;
    row = row === null ? there.top : row;
    if (Math.abs(there.top - row) > at.height / 2) break;
    if (Math.abs(there.left - at.left) < least) [best, least] = [visible[k], Math.abs(there.left - at.left)];
  }
  return best;
}

function enlarge() {
  const photograph = photographs[current.index];
  const [picture, none] = large.children;
  picture.hidden = !photograph.picture;
  none.hidden = !picture.hidden;
  if (photograph.picture) picture.src = photograph.picture;
  picture.alt = photograph.name;
  large.querySelector(".words").replaceChildren(words({ ...photograph, folder: photograph.path }, current.measure));
  const choice = large.querySelector(".place");
  if (!current.open) choice.replaceChildren();
  else if (!choice.firstChild) choice.append(made("choice"));
  stops(large, true);
  mark(large, current.index);
  if (large.open) return;
  large.showModal();
  large.focus(); // and no button, so that Enter decides nothing
}

function targets(node) { // what a button or list is about
  if (node.closest("dialog")) return [current.index];
  return node.closest(".head") ? of(node.closest(".head").group) : [node.closest(".card").card.index];
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (target === large) return large.close(); // beside the picture
  if (!button) return;
  const node = button.closest(".card");
  if (node) enter(node.card);
  if (button.dataset.choice) {
    const which = targets(button);
    const words = WORDS[button.dataset.choice];
    const again = which.every((i) => same(decided[i], words)); // a second click takes it back
    decide(which.map((i) => [i, again ? NONE : words]));
  } else if (button.dataset.step) {
    if (button.dataset.step === "0") large.close();
    else go(visible[current.place + Number(button.dataset.step)]);
  } else if (button.className === "picture") enlarge();
});

document.addEventListener("change", ({ target }) => {
  if (target.closest(".filters select")) filter();
  else if (target.closest(".choice")) {
    const { value } = target;
    if (!target.closest(".card, dialog")) target.value = ""; // that of a set only acts
    decide(targets(target).map((i) => [i, value ? ["", value] : NONE]));
  }
});

document.addEventListener("focusin", ({ target }) => {
  const node = target.closest(".card");
  if (node && node.card !== current) enter(node.card);
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input")) return;
  const name = /^[a-z\d]$/i.test(event.key) ? event.key.toUpperCase() : event.code.replace(/^(Key|Digit|Numpad)/, "");
  if (name === "Z") return undo();
  if (!current || !event.target.closest(".card, dialog")) return;
  const words = { K: WORDS.keep, D: WORDS.drop, U: NONE }[name] || (labels[name - 1] && ["", labels[name - 1].name]);
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[name];
  if (words) {
    const which = event.shiftKey ? of(current.group) : [current.index].filter(() => current.open);
    decide(which.map((i) => [i, words]));
    const rest = visible.slice(current.place + 1);
    go(rest.find((card) => card.open && !(event.shiftKey && card.group === current.group)));
  } else if (step) go(large.open || /Left|Right/.test(name) ? visible[current.place + step] : beside(step));
  else if (name === "Enter" && event.target === current.node) enlarge();
  else return;
  event.preventDefault();
});

$("save").addEventListener("click", save);
$("undo").addEventListener("click", undo);
$("load").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", ({ target }) => {
  if (target.files.length) load(target.files[0]);
  target.value = ""; // so that the same file can be loaded again
});
large.addEventListener("close", () => go(current));
addEventListener("storage", (event) => event.key === key && recall(event.newValue)); // decided in another tab
addEventListener("beforeprint", () => visible.forEach((card) => build(card.block)));
addEventListener("resize", () => fitting() !== columns && filter());
$("name").addEventListener("input", filter);

for (const { name } of labels)
  $("choice").content.querySelector("select").append(Object.assign(element("option", "", name), { value: name }));
filter();
count();
if (location.hash) $(location.hash.slice(1))?.scrollIntoView();
try {
  recall(localStorage.getItem(key));
} catch {
  say("This browser keeps nothing over a reload: save your decisions before you leave the page.");
}
