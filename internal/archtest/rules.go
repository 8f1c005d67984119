package archtest

// rule is one rule of the house.
type rule struct {
	name  string // names the rule's examples too: testdata/{name}.txtar
	check func(*pkg) []string
}

// rules lists every rule that looks at one package at a time. Each returns one
// line per violation: the place, what is wrong, and what would be right.
var rules = []rule{
	{"layers", checkLayers},
	{"modules", checkModules},
	{"model", checkModel},
	{"names", checkNames},
	{"docs", checkDocs},
	{"state", checkState},
	{"size", checkSize},
	{"deps", checkDeps},
	{"getters", checkGetters},
}
