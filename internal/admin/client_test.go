package admin_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ovenbird/internal/admin"
)

// workshop is a folder with the OpenAPI document, in which programs run.
type workshop struct {
	t   *testing.T
	dir string
}

func newWorkshop(t *testing.T, document []byte) workshop {
	t.Helper()
	if testing.Short() {
		t.Skip("runs other programs")
	}
	if os.Getenv("OVENBIRD_TEST_BACKEND") != "" {
		t.Skip("the document does not depend on the database")
	}
	w := workshop{t, t.TempDir()}
	w.write("openapi.json", document)
	return w
}

func (w workshop) write(name string, body []byte) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), body, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// take copies a file of the folder client.
func (w workshop) take(name string) {
	w.t.Helper()
	body, err := os.ReadFile(filepath.Join("client", name))
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(filepath.Base(name), body)
}

// modules puts the packages that package-lock.json names within reach.
func (w workshop) modules() {
	w.t.Helper()
	modules, err := filepath.Abs("client/node_modules")
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := os.Stat(modules); err != nil && os.Getenv("CI") != "true" {
		w.t.Skip("the npm packages are not installed: run make test, or npm ci in internal/admin/client")
	}
	if err := os.Symlink(modules, filepath.Join(w.dir, "node_modules")); err != nil {
		w.t.Fatal(err)
	}
}

// run runs a program, which has to succeed, and returns what it prints.
func (w workshop) run(environment []string, name string, args ...string) string {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), name, args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), environment...)
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		w.t.Fatalf("%s %s: %v\n%s\n%s", name, strings.Join(args, " "), err, out, problems.String())
	}
	return string(out)
}

// What others say is an OpenAPI 3.1 document, ours is.
func TestTheDocumentIsValidOpenAPI(t *testing.T) {
	document := newWorld(t).api.OpenAPI()
	shop := newWorkshop(t, document)
	shop.modules()
	if got := shop.run(nil, "node", "node_modules/@seriousme/openapi-schema-validator/bin/validate-api-cli.js", "openapi.json"); !strings.Contains(got, `"valid": true`) {
		t.Errorf("the validator says %s", got)
	}
	if !strings.Contains(string(document), `"openapi":"3.1.0"`) {
		t.Error("it is of another version")
	}
	// It is able to say no.
	shop.write("openapi.json", []byte(strings.Replace(string(document), `"in":"path"`, `"in":"nowhere"`, 1)))
	cmd := exec.CommandContext(t.Context(), "node", "node_modules/@seriousme/openapi-schema-validator/bin/validate-api-cli.js", "openapi.json")
	cmd.Dir = shop.dir
	if out, err := cmd.Output(); err == nil {
		t.Errorf("a broken document is valid, too: %s", out)
	}
}

func TestTheGeneratedTypeScriptClientWorks(t *testing.T) {
	w := newWorld(t)
	shop := newWorkshop(t, w.api.OpenAPI())
	shop.modules()
	shop.take("use.ts")
	shop.take("package.json") // says that it is of modules
	shop.run(nil, "node", "node_modules/openapi-typescript/bin/cli.js", "openapi.json", "--output", "api.d.ts")
	compile := []string{
		"node_modules/typescript/bin/tsc", "--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes", "false",
		"--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom", "--outDir", "out", "use.ts",
	}
	shop.run(nil, "node", compile...)
	server := w.serve()
	got := shop.run([]string{"URL=" + server.URL + admin.Prefix, "TOKEN=" + w.tokens[admin.Editor]}, "node", "out/use.js")
	want := `{"created":201,"read":"Typed","patched":2001,"conflict":412,"location":"body.texts.name.e_n",` +
		`"listed":["made-with-typescript"],"changed":1,"actions":["created","updated","updated"],"removed":204}`
	if strings.TrimSpace(got) != want {
		t.Errorf("got  %swant %s", got, want)
	}
	// The types are strict: what is not in the document does not compile.
	wrong := `import type { components } from "./api.js";` + "\n" + `export const t: components["schemas"]["Title"] = { kind: "film" };`
	shop.write("wrong.ts", []byte(wrong))
	compile[len(compile)-1] = "wrong.ts"
	cmd := exec.CommandContext(t.Context(), "node", compile...)
	cmd.Dir = shop.dir
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "film") {
		t.Errorf("a film is a kind of title: %v %s", err, out)
	}
}

func TestTheGeneratedGoClientCompiles(t *testing.T) {
	shop := newWorkshop(t, newWorld(t).api.OpenAPI())
	shop.take("go/go.mod")
	shop.take("go/go.sum")
	environment := []string{"GOFLAGS=-mod=readonly"}
	shop.run(environment, "go", "tool", "oapi-codegen", "-package", "client", "-generate", "types,client", "-o", "client.go", "openapi.json")
	shop.run(environment, "go", "vet", ".")
}
