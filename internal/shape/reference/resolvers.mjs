// The schema's resolvers, as the methods that GraphQL's default resolver calls.

import { bySortKey } from './facts.mjs';

const instant = (ms) => (ms === null ? null : new Date(ms).toISOString().replace('.000Z', 'Z'));
const cut = (list, first) => (first ? list.slice(0, first) : list);
const turned = (list, order) => (order === 'DESC' ? [...list].reverse() : list);

export class Query {
  constructor(facts, pageSize) {
    this.facts = facts;
    this.pageSize = pageSize;
  }
  country() {
    return this.facts.country;
  }
  application() {
    return this.facts.world.edition.application;
  }
  language() {
    return this.facts.world.edition.language || null;
  }
  title({ id }) {
    const t = this.facts.titles.get(id);
    return t && this.facts.visible(t) ? new Title(this.facts, t) : null;
  }
  all() {
    return this.facts.world.collections
      .map((c) => new Collection(this.facts, c, this.pageSize))
      .filter((c) => c.raw.published && c.visible.length > 0)
      .sort((a, b) => bySortKey(a.raw, b.raw));
  }
  collection({ id }) {
    return this.all().find((c) => c.raw.id === id) ?? null;
  }
  collections({ first }) {
    return cut(this.all(), first);
  }
  tops() {
    return this.facts.world.titles.filter((t) => t.parent === '' && (t.kind === 'movie' || t.kind === 'series'));
  }
  events(when) {
    const events = this.tops().map((t) => ({ t, at: when(t) }));
    return events.filter((e) => e.at !== null).sort((a, b) => a.at - b.at || bySortKey(a.t, b.t));
  }
  upcoming({ days, first }) {
    const events = this.events((t) => this.facts.opens(t, this.facts.limit(days)));
    return cut(events, first).map((e) => ({ opens: instant(e.at), title: new Title(this.facts, e.t) }));
  }
  leaving({ days, first }) {
    const events = this.events((t) => this.facts.leaves(t, this.facts.limit(days)));
    return cut(events, first).map((e) => ({ leaves: instant(e.at), title: new Title(this.facts, e.t) }));
  }
  search({ prefix, first }) {
    return cut(this.facts.search(prefix), first).map((t) => new Title(this.facts, t));
  }
}

class Collection {
  constructor(facts, raw, pageSize) {
    this.facts = facts;
    this.raw = raw;
    this.pageSize = pageSize;
    this.visible = raw.items.map((id) => facts.titles.get(id)).filter((t) => t && facts.visible(t));
  }
  id() {
    return this.raw.id;
  }
  name() {
    return this.facts.text(this.raw.texts, 'name');
  }
  synopsis() {
    return this.facts.text(this.raw.texts, 'synopsis');
  }
  titleCount() {
    return this.visible.length;
  }
  pages() {
    return Math.ceil(this.visible.length / this.pageSize);
  }
  titles({ first, page, order }) {
    let list = [...this.visible];
    if (order === 'SORT_KEY') list.sort(bySortKey);
    if (order === 'NEWEST') list.sort((a, b) => b.year - a.year || bySortKey(a, b));
    if (page) list = list.slice((page - 1) * this.pageSize, page * this.pageSize);
    return cut(list, first).map((t) => new Title(this.facts, t));
  }
}

class Title {
  constructor(facts, raw) {
    this.facts = facts;
    this.raw = raw;
    this.id = raw.id;
    this.kind = raw.kind.toUpperCase();
    this.year = raw.year || null;
    this.runtime = raw.runtime || null;
    this.number = raw.number || null;
    this.special = raw.special;
    this.added = raw.added;
    this.genres = raw.genres;
    this.directors = raw.directors;
    this.origins = raw.origins;
  }
  name() {
    return this.facts.text(this.raw.texts, 'name');
  }
  synopsis() {
    return this.facts.text(this.raw.texts, 'synopsis');
  }
  shortSynopsis() {
    return this.facts.text(this.raw.texts, 'short_synopsis');
  }
  tagline() {
    return this.facts.text(this.raw.texts, 'tagline');
  }
  cast({ first }) {
    return cut(this.raw.cast, first);
  }
  image({ role, width }) {
    const image = this.facts.image(this.raw, role.toLowerCase(), width);
    return image && { ...image, role: image.role.toUpperCase() };
  }
  rating() {
    return this.facts.rating(this.raw);
  }
  availability() {
    const window = this.facts.availability(this.raw);
    return window && { start: instant(window.start), end: instant(window.end) };
  }
  above(is) {
    const t = this.facts.lineage(this.raw).slice(1).find(is);
    return t && this.facts.visible(t) ? new Title(this.facts, t) : null;
  }
  parent() {
    return this.above(() => true);
  }
  series() {
    return this.above((t) => t.kind === 'series');
  }
  season() {
    return this.above((t) => t.kind === 'season');
  }
  list(titles, is, first, order) {
    const shown = titles.filter((t) => is(t) && this.facts.visible(t));
    return cut(turned(shown, order), first).map((t) => new Title(this.facts, t));
  }
  seasons({ order }) {
    return this.list(this.facts.children(this.raw), (t) => t.kind === 'season', 0, order);
  }
  episodes({ first, order }) {
    return this.list(this.facts.children(this.raw), (t) => t.kind === 'episode' && !t.special, first, order);
  }
  specials({ first }) {
    return this.list(this.facts.below(this.raw).sort(bySortKey), (t) => t.kind === 'episode' && t.special, first);
  }
  clips({ first }) {
    return this.list(this.facts.children(this.raw), (t) => t.kind === 'clip', first);
  }
}
