package storefront_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The table of internal/words holds for the storefront's script as well, which
// node runs as a browser would.
const wordsCheck = `
import { readFileSync } from "node:fs";
import { fold, starts, typed, prefixOf, finds } from "./words.mjs";
const cases = JSON.parse(readFileSync(process.argv[2], "utf8"));
if (cases.length < 50) throw new Error("the table is too short: " + cases.length);
let wrong = 0;
const same = (what, text, got, want) => {
  if (JSON.stringify(got) === JSON.stringify(want)) return;
  wrong++;
  console.log(what, JSON.stringify(text), "is", JSON.stringify(got), "want", JSON.stringify(want));
};
for (const { text, fold: folded, starts: beginnings } of cases) {
  same("fold", text, fold(text), folded);
  same("starts", text, starts(text), beginnings);
  // Who types a name finds it, and asks for a document that the bake has made.
  const words = typed(text);
  same("finds", text, finds(text, words), true);
  const prefix = prefixOf(words, 3);
  if (prefix) same("prefix of", text, beginnings.some((b) => [...b].slice(0, 3).join("").startsWith(prefix)), true);
}
same("longest word", "a spi", prefixOf(typed("a Spíder"), 3), "spi");
same("characters beyond the BMP", "", prefixOf(typed("𐐀𐐨x"), 2), "𐐨𐐨");
same("nothing", "", prefixOf(typed(" ?! "), 3), "");
same("not found", "", finds("Spider-Man", typed("der")), false);
process.exit(wrong ? 1 : 0);
`

func TestTheScriptFoldsAsTheBakeDoes(t *testing.T) {
	if testing.Short() {
		t.Skip("runs node")
	}
	node, err := exec.LookPath("node")
	if errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") == "" {
		t.Skip("node is missing: run scripts/tools")
	} else if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script, err := os.ReadFile("page/words.js")
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{"words.mjs": script, "check.mjs": []byte(wordsCheck)} {
		if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	table, err := filepath.Abs("../words/testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, filepath.Join(dir, "check.mjs"), table)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
