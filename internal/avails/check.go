package avails

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/language"
)

// checkLanguage says what is wrong with a language tag, "" when nothing is.
func checkLanguage(tag string) string {
	const remedy = "use a BCP 47 tag such as en, pt-BR or es-419"
	parsed, err := language.Parse(tag)
	if err != nil {
		return fmt.Sprintf("%q is no known language; %s", tag, remedy)
	}
	first, _, _ := strings.Cut(tag, "-")
	if base, _ := parsed.Base(); len(first) == 3 && len(base.String()) == 2 {
		return fmt.Sprintf("%q: BCP 47 has the shorter %q for this language; use that", tag, base)
	}
	if region, confidence := parsed.Region(); confidence == language.Exact && !region.IsCountry() && !region.IsGroup() {
		return fmt.Sprintf("%q has the unknown region %s; %s", tag, region, remedy)
	}
	return ""
}

var eidrForm = regexp.MustCompile(`^(?:urn:eidr:)?10\.5240[/:]((?:[0-9A-F]{4}-){5})([0-9A-Z])$`)

// checkEIDR says what is wrong with an EIDR of a title or edit, "" when nothing
// is. Its last character is a check by ISO 7064, mod 37,36.
func checkEIDR(id string) string {
	match := eidrForm.FindStringSubmatch(strings.ToUpper(strings.Replace(strings.ToLower(id), "urn:eidr:", "", 1)))
	if match == nil {
		return fmt.Sprintf("%q is no EIDR; it looks like 10.5240/XXXX-XXXX-XXXX-XXXX-XXXX-C", id)
	}
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	p := 36
	for _, r := range strings.ReplaceAll(match[1], "-", "") {
		if p = (p + strings.IndexRune(alphabet, r)) % 36; p == 0 {
			p = 36
		}
		p = p * 2 % 37
	}
	if want := alphabet[(37-p)%36]; match[2][0] != want {
		return fmt.Sprintf("%q ends with %s, its digits with %c: one of them is mistyped", id, match[2], want)
	}
	return ""
}

// ratingSystem is where a system of age ratings is used, and what it says. Nil
// checks nothing.
type ratingSystem struct {
	countries []string
	values    []string
	reasons   *regexp.Regexp
}

// ratingSystems are those whose values are checked.
var ratingSystems = map[string]ratingSystem{
	"MPAA": {[]string{"US", "AS", "GU", "MP", "PR", "UM", "VI"}, []string{"G", "PG", "PG-13", "R", "NC-17", "NR", "UR"}, nil},
	"TVPG": {[]string{"US", "AS", "GU", "MP", "PR", "UM", "VI"}, []string{"TV-Y", "TV-Y7", "TV-G", "TV-PG", "TV-14", "TV-MA"}, nil},
	"BBFC": {[]string{"GB", "GG", "IM", "JE", "GI"}, []string{"U", "PG", "12", "12A", "15", "18", "R18"}, nil},
	"FSK":  {[]string{"DE", "AT", "CH", "LU", "LI"}, []string{"0", "6", "12", "16", "18"}, nil},
	"FPB":  {[]string{"ZA", "NA", "LS", "SZ", "BW"}, nil, regexp.MustCompile(`^[A-Z]{1,3}$`)},
}

// ratingProblem is something wrong with a rating; bad ones are not used.
type ratingProblem struct {
	node   *node
	path   string
	reason string
	bad    bool
}

func checkRating(n *node) []ratingProblem {
	name := n.value("System")
	system, known := ratingSystems[name]
	if !known {
		return nil
	}
	var list []ratingProblem
	if country := n.child("Region").child("country"); country != nil && !slices.Contains(system.countries, country.text) {
		reason := fmt.Sprintf("%s is not used in %s; give the rating of a board there", name, country.text)
		list = append(list, ratingProblem{country, "/Region", reason, true})
	}
	value := n.child("Value")
	if value != nil && system.values != nil && !slices.Contains(system.values, value.text) {
		reason := fmt.Sprintf("%q is no rating of %s; it has %s", value.text, name, strings.Join(system.values, ", "))
		list = append(list, ratingProblem{value, "/Value", reason, true})
	}
	for _, r := range n.all("Reason") {
		if system.reasons != nil && !system.reasons.MatchString(r.text) {
			reason := fmt.Sprintf("%q is no reason of %s; its reasons are codes such as S, V or L", r.text, name)
			list = append(list, ratingProblem{r, "/Reason", reason, false})
		}
	}
	return list
}

var durationForm = regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?$`)

// durationSeconds reads an xs:duration without years and months.
func durationSeconds(text string) (int64, bool) {
	match := durationForm.FindStringSubmatch(text)
	if match == nil || strings.HasSuffix(text, "T") || text == "P" {
		return 0, false
	}
	var total int64
	for i, factor := range []int64{86400, 3600, 60, 1} {
		if match[i+1] == "" {
			continue
		}
		count, err := strconv.ParseInt(match[i+1], 10, 32)
		if err != nil {
			return 0, false
		}
		total += count * factor
	}
	return total, true
}
