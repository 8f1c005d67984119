// What is true of a title in one country, worked out from the raw catalog by
// plain loops. It shares nothing with the Go code but the rules in words.

export class Facts {
  constructor(world, country) {
    this.world = world;
    this.country = country;
    this.at = Date.parse(world.at);
    this.titles = new Map(world.titles.map((t) => [t.id, t]));
    this.instants = [...new Set(world.licenses.flatMap((l) => [l.start, l.end]).filter(Boolean).map((s) => Date.parse(s)))];
    this.instants.sort((a, b) => a - b);
  }

  parent(t) {
    return this.titles.get(t.parent);
  }

  // The title and what is above it, nearest first.
  lineage(t) {
    const list = [];
    for (; t; t = this.parent(t)) list.push(t);
    return list;
  }

  children(t) {
    return this.world.titles.filter((c) => c.parent === t.id).sort(bySortKey);
  }

  below(t) {
    return this.children(t).flatMap((c) => [c, ...this.below(c)]);
  }

  inTerritory(names, start) {
    return names.some((name) => {
      if (name === '*' || name === this.country) return true;
      const group = this.world.groups[name];
      if (!group) return false;
      const members = group.filter((m) => !start || !m.from || Date.parse(m.from) <= Date.parse(start)).pop();
      return members !== undefined && members.countries.includes(this.country);
    });
  }

  licensed(t, instant) {
    const owner = this.lineage(t).find((a) => this.world.licenses.some((l) => l.title === a.id));
    return this.world.licenses.some(
      (l) =>
        l.title === owner?.id &&
        (l.applications.includes('*') || l.applications.includes(this.world.edition.application)) &&
        this.inTerritory(l.territories, l.start) &&
        !this.inTerritory(l.exclude, l.start) &&
        (!l.start || Date.parse(l.start) <= instant) &&
        (!l.end || instant < Date.parse(l.end)),
    );
  }

  rating(t) {
    const rated = this.lineage(t).find((a) => a.ratings.length > 0);
    const board = this.world.edition.boards.find((b) => b.countries.includes(this.country));
    for (const system of board?.systems ?? []) {
      const found = rated?.ratings.find((r) => r.system === system);
      if (found) return { ...found, age: this.world.ages[`${found.system} ${found.value}`] ?? null };
    }
    return null;
  }

  suitable(t) {
    const limit = this.world.edition.maxAge;
    if (limit < 0) return true;
    const age = this.rating(t)?.age;
    return age !== undefined && age !== null && age <= limit;
  }

  // Whether t may be shown at an instant; asking for its video as well where the
  // edition does.
  right(t, instant, video) {
    // A container without a rating of its own is judged by what is in it.
    if (!this.lineage(t).every((a) => a.published && (a.ratings.length === 0 || this.suitable(a)))) return false;
    if (t.kind === 'series' || t.kind === 'season') {
      return this.children(t).some((c) => c.kind !== 'clip' && this.right(c, instant, video));
    }
    if (video && this.world.edition.requiresVideo && !t.video) return false;
    return this.suitable(t) && this.licensed(t, instant);
  }

  visible(t) {
    return this.right(t, this.at, true);
  }

  availability(t) {
    if (!this.visible(t)) return null;
    const start = this.instants.filter((i) => i <= this.at && !this.right(t, i - 1, true)).pop();
    const end = this.instants.find((i) => i > this.at && !this.right(t, i, true));
    return { start: start ?? null, end: end ?? null };
  }

  opens(t, limit) {
    if (this.right(t, this.at, false)) return null;
    const at = this.instants.find((i) => i > this.at && this.right(t, i, false));
    return at !== undefined && at < limit ? at : null;
  }

  leaves(t, limit) {
    const end = this.availability(t)?.end ?? null;
    return end !== null && end < limit ? end : null;
  }

  limit(days) {
    const day = 24 * 60 * 60 * 1000;
    return (Math.floor(this.at / day) + days + 1) * day;
  }

  get chain() {
    return this.world.edition.chains.find((c) => c.countries.includes(this.country)).locales;
  }

  text(texts, field) {
    const locale = this.chain.find((l) => texts[field]?.[l] !== undefined);
    return locale === undefined ? null : texts[field][locale];
  }

  image(t, role, width) {
    for (const locale of [...this.chain, '']) {
      const images = t.images.filter((i) => i.role === role && (i.locale ?? '') === locale);
      const enough = images.filter((i) => i.width >= width).sort((a, b) => a.width - b.width);
      const chosen = enough[0] ?? images.sort((a, b) => b.width - a.width)[0];
      if (chosen) return chosen;
    }
    return null;
  }

  search(prefix) {
    const begins = [];
    const contains = [];
    for (const t of this.world.titles.filter((t) => t.parent === '' && this.visible(t)).sort(bySortKey)) {
      const name = (this.text(t.texts, 'name') ?? '').normalize('NFKD').replace(/\p{Mn}/gu, '').toLowerCase();
      const words = name.split(/[^\p{L}\p{Nd}]+/u).filter(Boolean);
      if (words[0]?.startsWith(prefix)) begins.push(t);
      else if (words.some((w) => w.startsWith(prefix))) contains.push(t);
    }
    return [...begins, ...contains];
  }
}

export function bySortKey(a, b) {
  return compare(a.sortKey, b.sortKey) || compare(a.id, b.id);
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
