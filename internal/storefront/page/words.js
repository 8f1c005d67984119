// What text is to a search, in JavaScript: the same as Go's internal/words, against
// which testdata/cases.json there holds it. docs/search.md says it in words.

// What has no decomposition, and what people type instead; digits of scripts whose
// keyboards have both kinds.
const letters = new Map(Object.entries({
  ø: "o", ł: "l", đ: "d", ð: "d", þ: "th", æ: "ae", œ: "oe", ß: "ss", ı: "i", ħ: "h", ŧ: "t",
  ŋ: "n", ə: "e", ɓ: "b", ɗ: "d", ɛ: "e", ɔ: "o", ƙ: "k", ɖ: "d", ɣ: "g", ƴ: "y",
  ς: "σ", ґ: "г",
  ى: "ي", ی: "ي", ک: "ك", ة: "ه", ـ: "",
  ʹ: "'", ʺ: "'", ʻ: "'", ʼ: "'", ʽ: "'", ʾ: "'", ʿ: "'",
}));
for (const digits of ["٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९"]) {
  [...digits].forEach((digit, value) => letters.set(digit, String(value)));
}

// Marks of Latin, Greek and Cyrillic, Hebrew and Arabic points, variation selectors.
const accent = /[\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0898-\u08ff\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]/u;
const part = /[\p{L}\p{M}\p{N}]/u;
const modifier = /[\p{M}\p{Lm}]/u;
const unspaced = /(?=\p{L})[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

// fold brings a text to the form in which searches compare.
export function fold(text) {
  let folded = "";
  for (const character of text.replace(/´/g, "'").replace(/[™℠]/g, "").replace(/[¼½¾⅓⅔]/g, " $&").normalize("NFKD")) {
    if (/\p{Cc}/u.test(character)) folded += " ";
    else if (/\p{Cf}/u.test(character) || (accent.test(character) && /\p{Mn}/u.test(character))) continue;
    else {
      const lower = character.toLowerCase();
      folded += letters.get(lower) ?? lower;
    }
  }
  return folded;
}

// starts returns what a search may begin with to find a name: from each place where
// a word begins the rest up to the next space, without punctuation.
export function starts(name) {
  return fold(name).split(/\s+/u).flatMap((chunk) => {
    let bare = "";
    let inside = false;
    let alone = false; // within a script without spaces, where each letter begins a word
    const begins = [];
    for (const character of chunk) {
      if (!part.test(character)) {
        inside = false;
        continue;
      }
      const own = unspaced.test(character);
      if (!inside || own || (alone && !modifier.test(character))) {
        begins.push(bare.length);
        inside = true;
        alone = own;
      }
      bare += character;
    }
    return begins.map((at) => bare.slice(at));
  });
}

// typed returns the words of what somebody has typed, without punctuation.
export function typed(query) {
  return fold(query).split(/\s+/u).map((chunk) => [...chunk].filter((c) => part.test(c)).join("")).filter(Boolean);
}

// prefixOf returns what to ask for: the beginning of the longest word, of as many
// characters as the application has documents for; "" asks for nothing.
export function prefixOf(words, longest) {
  const key = words.reduce((a, b) => ([...b].length > [...a].length ? b : a), "");
  return [...key].slice(0, longest).join("");
}

// finds reports whether a name has a start for each word.
export function finds(name, words) {
  const all = starts(name);
  return words.every((word) => all.some((start) => start.startsWith(word)));
}

// beginsWord reports whether a word begins at a character of a text.
export function beginsWord(characters, at) {
  const [here, before] = [fold(characters[at]), at > 0 ? fold(characters[at - 1]) : ""];
  if (![...here].some((c) => part.test(c)) || modifier.test(characters[at])) return false;
  return ![...before].some((c) => part.test(c)) || unspaced.test(here) || unspaced.test(before);
}
