package archtest

import "strings"

// module says where a third-party module may be used. Whoever needs it elsewhere
// asks the package that wraps it, or argues for another row here.
type module struct {
	path  string   // of the module, or of a part of it
	users []string // folders, with what lies below them; none: tests only
}

// modules lists every third-party module that the code may import.
var modules = []module{
	{"github.com/agnivade/levenshtein", []string{"internal/site"}},
	{"github.com/andybalholm/brotli", []string{"internal/release", "internal/edge", "internal/tree"}},
	// What gocloud.dev's S3 driver is made of: the conditions of writes go through it.
	{"github.com/aws/aws-sdk-go-v2", []string{"internal/bucket"}},
	{"github.com/aws/smithy-go", []string{"internal/bucket"}},
	{"github.com/caddyserver/certmagic", []string{"internal/edge"}},
	{"github.com/danielgtaylor/huma/v2", []string{"internal/admin"}},
	{"github.com/dbos-inc/dbos-transact-golang", []string{"internal/engine"}},
	{"github.com/go-json-experiment/json", []string{"internal/backup", "internal/catalog", "internal/importer", "internal/source"}},
	{"github.com/jackc/pgx/v5", []string{"internal/database", "internal/engine", "internal/source"}},
	{"github.com/go-sql-driver/mysql", []string{"internal/source"}},
	{"github.com/goccy/go-yaml", []string{"internal/site", "internal/importer"}},
	{"github.com/golang-jwt/jwt/v5", []string{"internal/preview"}},
	{"github.com/klauspost/compress", []string{"internal/backup", "internal/release", "internal/edge", "internal/tree", "internal/geoip"}},
	{"github.com/maypok86/otter/v2", []string{"internal/edge"}},
	{"github.com/oschwald/maxminddb-golang/v2", []string{"internal/geoip"}},
	{"github.com/pressly/goose/v3", []string{"internal/database"}},
	{"github.com/prometheus/client_golang", []string{"internal/observe"}},
	{"github.com/quic-go/quic-go", []string{"internal/edge"}},
	{"github.com/santhosh-tekuri/jsonschema/v6", []string{"internal/site", "internal/importer"}},
	{"github.com/spf13/cobra", []string{"cmd/ovenbird"}},
	{"github.com/spf13/pflag", []string{"cmd/ovenbird"}},
	{"github.com/vektah/gqlparser/v2", []string{"internal/shape", "internal/model"}},
	{"go.opentelemetry.io/otel", []string{"internal/trace", "internal/observe"}},
	{"go.uber.org/zap", []string{"internal/edge"}}, // what certmagic logs through
	{"gocloud.dev", []string{"internal/bucket"}},
	{"golang.org/x/mod", []string{"internal/ledger"}}, // signed notes
	{"golang.org/x/sys", []string{"bench/edge"}},      // which core a process runs on
	{"golang.org/x/text", []string{
		"internal/words", "internal/catalog", "internal/shape", "internal/model", "internal/site", "internal/importer", "internal/avails",
		"internal/bake",
	}},
	{"modernc.org/sqlite", []string{"internal/database", "internal/source"}},

	// Tests only.
	{"github.com/chromedp/cdproto", nil},
	{"github.com/chromedp/chromedp", nil},
	{"github.com/miekg/dns", nil},
	{"github.com/rogpeppe/go-internal", nil},
	{"go.opentelemetry.io/proto/otlp", nil},
	{"google.golang.org/protobuf", nil},
	{"golang.org/x/net", nil},
	{"pgregory.net/rapid", nil},
}

// checkModules reports third-party modules used where the table does not have
// them. A test may use any module of the table, to look at bytes independently
// of the code under test; so may packages that are for tests.
func checkModules(p *pkg) []string {
	var wrong []string
	for _, s := range p.sources {
		for _, spec := range s.syntax.Imports {
			imported := importPath(spec.Path.Value)
			if domain, _, _ := strings.Cut(imported, "/"); !strings.Contains(domain, ".") {
				continue // the standard library, or ours
			}
			if reason := refuseModule(p.dir, imported, s.test || testOnly(p.dir)); reason != "" {
				wrong = append(wrong, p.at(spec.Pos(), "imports %s: %s", imported, reason))
			}
		}
	}
	return wrong
}

// refuseModule says why code in dir may not import a third-party package; "" when it may.
func refuseModule(dir, imported string, test bool) string {
	for _, m := range modules {
		if !within(imported, m.path) {
			continue
		}
		for _, user := range m.users {
			if within(dir, user) {
				return ""
			}
		}
		switch {
		case test:
			return ""
		case len(m.users) == 0:
			return "the module is for tests only"
		default:
			return "only " + strings.Join(m.users, ", ") + " may: see internal/archtest/modules.go"
		}
	}
	return "no row of the table in internal/archtest/modules.go has its module"
}

// within reports whether a slash-separated path is root or lies below it.
func within(name, root string) bool {
	return name == root || strings.HasPrefix(name, root+"/")
}
