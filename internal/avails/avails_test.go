package avails_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"ovenbird/internal/avails"
	"ovenbird/internal/ovenbird"
)

// list wraps Avails in a list of a version.
func list(version string, entries ...string) string {
	return `<AvailList xmlns="http://www.movielabs.com/schema/avails/v` + version + `/avails" xmlns:md="http://www.movielabs.com/schema/md/v2.7/md">` +
		"\n" + strings.Join(entries, "\n") + "\n</AvailList>\n"
}

const movie = `<Asset contentID="md:cid:acme:bunny"><WorkType>Movie</WorkType><Metadata><TitleInternalAlias>Bunny</TitleInternalAlias></Metadata></Asset>`

// entry is an Avail of one asset with transactions.
func entry(disposition, asset string, transactions ...string) string {
	return `<Avail><ALID>md:alid:acme:bunny</ALID><Disposition><EntryType>` + disposition + `</EntryType></Disposition>
<Licensor><md:DisplayName>Acme</md:DisplayName></Licensor><AvailType>single</AvailType><ShortDescription>Bunny</ShortDescription>
` + asset + "\n" + strings.Join(transactions, "\n") + `</Avail>`
}

// transaction is one whose elements are the usual ones but for those given: they
// replace those of their name, and "<-Name>" only takes it out.
func transaction(id string, elements ...string) string {
	usual := []string{
		`<LicenseType>SVOD</LicenseType>`, `<Territory><md:country>FI</md:country></Territory>`, `<StartCondition>Immediate</StartCondition>`,
		`<EndCondition>Open</EndCondition>`, `<FormatProfile>HD</FormatProfile>`,
	}
	var more []string
	for _, e := range elements {
		name := strings.TrimPrefix(strings.FieldsFunc(e, func(r rune) bool { return strings.ContainsRune("< />", r) })[0], "-")
		root := strings.TrimSuffix(strings.TrimSuffix(name, "Condition"), "Excluded")
		usual = slices.DeleteFunc(usual, func(u string) bool {
			return strings.HasPrefix(u, "<"+root+">") || strings.HasPrefix(u, "<"+root+"Condition>")
		})
		if !strings.HasPrefix(e, "<-") {
			more = append(more, e)
		}
	}
	return `<Transaction TransactionID="` + id + `">` + strings.Join(append(usual, more...), "\n") + `</Transaction>`
}

// read reads a file whole.
func read(t *testing.T, text string, cfg avails.Config) (rows []avails.Row, err error) {
	t.Helper()
	for row, err := range avails.Read("in.xml", strings.NewReader(text), cfg) {
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// one reads a file of one row.
func one(t *testing.T, text string, cfg avails.Config) avails.Row {
	t.Helper()
	rows, err := read(t, text, cfg)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	return rows[0]
}

// field returns a field of a row by its column.
func field(row avails.Row, column string) string {
	if row.Fields == nil {
		return "no fields"
	}
	return row.Fields[slices.Index(avails.Columns(), column)]
}

func TestEveryVersionSince24IsReadAlike(t *testing.T) {
	var first avails.Row
	for i, version := range []string{"2.4", "2.5", "2.5.2", "2.6", "2.7"} {
		row := one(t, list(version, entry("Full Extract", movie, transaction("t"))), avails.Config{})
		if len(row.Problems) > 0 || row.Fields == nil {
			t.Errorf("%s: %v", version, row.Problems)
		}
		if i == 0 {
			first = row
		}
		if !slices.Equal(row.Fields, first.Fields) {
			t.Errorf("%s: %q, want %q", version, row.Fields, first.Fields)
		}
	}
	rows, err := read(t, list("2.2.2", entry("Full Extract", movie, transaction("t"))), avails.Config{})
	if err != nil || len(rows) != 2 || len(rows[0].Problems) != 1 || rows[0].Refused() || rows[1].Fields == nil {
		t.Errorf("an old version gives %+v, %v", rows, err)
	}
}

func TestPrefixesAndSignedListsMakeNoDifference(t *testing.T) {
	plain := one(t, list("2.7", entry("Full Extract", movie, transaction("t"))), avails.Config{})
	inner := "<AvailList>" + entry("Full Extract", movie, transaction("t")) + "</AvailList>"
	signed := strings.Replace(list("2.7", inner, `<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>`), "<AvailList ", "<AvailListSigned ", 1)
	signed = strings.TrimSuffix(signed, "</AvailList>\n") + "</AvailListSigned>\n"
	if row := one(t, signed, avails.Config{}); !slices.Equal(row.Fields, plain.Fields) {
		t.Errorf("signed it gives %q, want %q", row.Fields, plain.Fields)
	}
	single := strings.Replace(entry("Full Extract", movie, transaction("t")), "<Avail>",
		`<Avail xmlns="http://www.movielabs.com/schema/avails/v2.7/avails" xmlns:md="http://www.movielabs.com/schema/md/v2.12/md">`, 1)
	if row := one(t, single, avails.Config{}); !slices.Equal(row.Fields, plain.Fields) {
		t.Errorf("an Avail without a list gives %q, want %q", row.Fields, plain.Fields)
	}
}

func TestWhatATransactionBecomes(t *testing.T) {
	helsinki, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		t.Fatal(err)
	}
	cfg := avails.Config{Zone: helsinki, KnownGroup: func(name string) bool { return name == "EU" }}
	for _, test := range []struct{ elements, column, want string }{
		{``, "license_type", "SVOD"},
		{``, "start", ""},
		{``, "end", ""},
		{`<Start>2026-01-01T00:00:00Z</Start>`, "start", "2026-01-01T00:00:00Z"},
		{`<Start>2026-01-01T00:00:00-08:00</Start>`, "start", "2026-01-01T08:00:00Z"},
		{`<Start>2026-07-01T00:00:00</Start>`, "start", "2026-06-30T21:00:00Z"},
		{`<Start>2026-01-01T00:00:00.25Z</Start>`, "start", "2026-01-01T00:00:01Z"},
		{`<End>2026-01-01T23:59:59.99Z</End>`, "end", "2026-01-01T23:59:59Z"},
		{`<Territory><md:country>SE</md:country></Territory>|<Territory><md:country>DK</md:country></Territory>`, "territories", "DK SE"},
		{`<Territory><md:country>EU</md:country></Territory>`, "territories", "EU"},
		{`<TerritoryExcluded><md:country>US</md:country></TerritoryExcluded>`, "territories", "*"},
		{`<TerritoryExcluded><md:country>US</md:country></TerritoryExcluded>`, "excluded", "US"},
		{`<AllowedLanguage>en</AllowedLanguage>|<AllowedLanguage>es-419</AllowedLanguage>`, "languages", "en es-419"},
		{`<HoldbackLanguage>fr</HoldbackLanguage>`, "holdback", "fr"},
		{`<ContractID> a  b </ContractID>`, "contract", "a  b"},
		{``, "transaction", "t"},
		{``, "alid", "md:alid:acme:bunny"},
		{``, "licensor", "Acme"},
		{``, "content_id", "md:cid:acme:bunny"},
	} {
		row := one(t, list("2.7", entry("Full Extract", movie, transaction("t", split(test.elements)...))), cfg)
		if got := field(row, test.column); got != test.want || row.Refused() {
			t.Errorf("%s: %s is %q, want %q; %v", test.elements, test.column, got, test.want, row.Problems)
		}
	}
}

func split(elements string) []string {
	if elements == "" {
		return nil
	}
	return strings.Split(elements, "|")
}

func TestWhatIsRefusedSaysWhereAndWhatWouldBeRight(t *testing.T) {
	for _, test := range []struct{ elements, element, message string }{
		{`<Territory><md:country>JJ</md:country></Territory>`, "Territory/country", `"JJ" is no country`},
		{`<Territory><md:countryRegion>US-CA</md:countryRegion></Territory>`, "Territory/countryRegion", "licenses hold for whole countries"},
		{`<TerritoryExcluded><md:countryRegion>CA-QC</md:countryRegion></TerritoryExcluded>`, "TerritoryExcluded/countryRegion", "whole countries"},
		{`<-Territory>`, "Territory", "in which countries"},
		{`<Territory/>`, "Territory", "country is missing"},
		{`<Start>2026-01-01T00:00:00</Start>`, "Start", "says no zone; write it with one, like 2026-01-01T00:00:00Z"},
		{`<Start>2026-01-01</Start>`, "Start", "is no instant; write it like"},
		{`<Start>yesterday</Start>`, "Start", "is no instant"},
		{`<StartCondition>Theatrical</StartCondition>`, "StartCondition", "use Immediate, or give Start as an instant"},
		{`<StartCondition lag="P7D">Immediate</StartCondition>`, "StartCondition@lag", "is no instant"},
		{`<EndCondition>TBD</EndCondition>`, "EndCondition", "use Open, or give End"},
		{`<-End>`, "End", "either End or EndCondition"},
		{`<-LicenseType>`, "LicenseType", "it is missing"},
		{`<AllowedLanguage>XYZ</AllowedLanguage>`, "AllowedLanguage", "no known language"},
		{`<AllowedLanguage>fr-xx</AllowedLanguage>`, "AllowedLanguage", "unknown region"},
		{`<AssetLanguage>ENg</AssetLanguage>`, "AssetLanguage", `the shorter "en"`},
		{`<HoldbackLanguage>?</HoldbackLanguage>`, "HoldbackLanguage", "no known language"},
		{`<Teritory><md:country>FI</md:country></Teritory>`, "Teritory", "unknown element; use one of Licensee"},
		{`<Term termName="TitleStatus"><Text>Revoked</Text></Term>`, "Term", "the title's status is Revoked"},
	} {
		row := one(t, list("2.7", entry("Full Extract", movie, transaction("t", test.elements))), avails.Config{})
		i := slices.IndexFunc(row.Problems, func(p avails.Problem) bool { return p.Refuses })
		if row.Fields != nil || row.Complete || i < 0 {
			t.Errorf("%s: not refused: %+v", test.elements, row)
			continue
		}
		if p := row.Problems[i]; p.Element != "Avail/Transaction/"+test.element || !strings.Contains(p.Message, test.message) || p.Line < 5 {
			t.Errorf("%s: %d: %v", test.elements, p.Line, p)
		}
	}
}

func TestWhatLetsNobodyWatchGivesNoLicense(t *testing.T) {
	for _, element := range []string{
		`<LicenseType>POEST</LicenseType>`, `<LicenseType>Pre-Release</LicenseType>`, `<ExperienceCondition>Pre-order</ExperienceCondition>`,
	} {
		row := one(t, list("2.7", entry("Full Extract", movie, transaction("t", element))), avails.Config{})
		if row.Fields != nil || row.Refused() || !row.Complete || len(row.Problems) != 1 {
			t.Errorf("%s: %+v", element, row)
		}
	}
}

func TestWhatAnAvailDoesToWhatWasSaidBefore(t *testing.T) {
	for _, test := range []struct {
		entryType, op string
		complete      bool
	}{
		{"Full Extract", "put", true}, {"Create", "put", false}, {"Update", "put", false}, {"Delete", "delete", false},
	} {
		rows, err := read(t, list("2.7", entry(test.entryType, movie, transaction("a"), transaction("b"))), avails.Config{})
		if err != nil || len(rows) != 2 {
			t.Fatal(rows, err)
		}
		for _, row := range rows {
			if field(row, "op") != test.op || row.Complete != test.complete || row.ALID != "md:alid:acme:bunny" {
				t.Errorf("%s: %+v", test.entryType, row)
			}
		}
	}
	row := one(t, list("2.7", entry("Full Delete", movie, transaction("a"), transaction("b"))), avails.Config{})
	if row.Fields != nil || !row.Complete || row.Refused() {
		t.Errorf("a full delete gives %+v", row)
	}
	// Where something is refused, nobody knows what the licensor meant to stay.
	rows, err := read(t, list("2.7", entry("Full Extract", movie, transaction("a"), transaction("b", "<-Territory>"))), avails.Config{})
	if err != nil || len(rows) != 2 || rows[0].Complete || rows[1].Complete || rows[0].Fields == nil {
		t.Errorf("half refused it gives %+v, %v", rows, err)
	}
}

func TestWhatIsWrongWithAnAvailAsAWhole(t *testing.T) {
	good := entry("Full Extract", movie, transaction("t"))
	for _, test := range []struct{ old, with, message string }{
		{"Full Extract", "Everything", "is none of Full Extract"},
		{"<ALID>md:alid:acme:bunny</ALID>", "", "ALID is missing"},
		{"<ALID>md:alid:acme:bunny</ALID>", "<ALID/>", "it is empty"},
		{`contentID="md:cid:acme:bunny"`, "", "contentID is missing"},
		{"<Metadata><TitleInternalAlias>Bunny</TitleInternalAlias></Metadata>", "", "Metadata is missing"},
		{"</Avail>", "<ExceptionFlag/></Avail>", "a person to read this"},
		{"</Avail>", "<ExceptionsFlag>true</ExceptionsFlag></Avail>", "a person to read this"},
		{"<AvailType>", "<Availtype/><AvailType>", "unknown element"},
	} {
		row := one(t, list("2.7", strings.Replace(good, test.old, test.with, 1)), avails.Config{})
		if !row.Refused() || row.Fields != nil || row.Complete || !strings.Contains(fmt.Sprint(row.Problems), test.message) {
			t.Errorf("%s: %+v", test.with, row)
		}
	}
	if row := one(t, list("2.7", strings.Replace(good, "</Avail>", "<ExceptionFlag>false</ExceptionFlag></Avail>", 1)), avails.Config{}); row.Refused() {
		t.Errorf("an exception flag that says false: %v", row.Problems)
	}
}

const episode = `<Asset contentID="md:cid:acme:show-s2e3"><WorkType>Episode</WorkType><EpisodeMetadata>
<TitleDisplayUnlimited language="en">The  Third</TitleDisplayUnlimited><TitleInternalAlias>third</TitleInternalAlias>
<TitleEIDR-URN>10.5240/2156-FA16-777A-20BF-AF2B-C</TitleEIDR-URN><ReleaseDate>2011-05-06</ReleaseDate><RunLength>PT1H2M3S</RunLength>
<Ratings><md:Rating><md:Region><md:country>DE</md:country></md:Region><md:System>FSK</md:System><md:Value>6</md:Value></md:Rating></Ratings>
<EpisodeNumber><md:Number>3</md:Number></EpisodeNumber>
<SeasonMetadata><SeasonContentID>md:cid:acme:show-s2</SeasonContentID><SeasonNumber><md:Number>2</md:Number></SeasonNumber>
<SeriesMetadata><SeriesContentID>md:cid:acme:show</SeriesContentID><SeriesTitleInternalAlias>Show</SeriesTitleInternalAlias></SeriesMetadata>
</SeasonMetadata></EpisodeMetadata></Asset>`

func TestAnEpisodeSaysWhereItBelongs(t *testing.T) {
	row := one(t, list("2.7", entry("Full Extract", episode, transaction("t"))), avails.Config{})
	for column, want := range map[string]string{
		"work_type": "Episode", "title": "The Third", "title_language": "en", "released": "2011", "runtime": "3723", "rating_system": "FSK",
		"rating_value": "6", "episode_number": "3", "season_id": "md:cid:acme:show-s2", "season_number": "2", "series_id": "md:cid:acme:show",
		"series_title": "Show",
	} {
		if got := field(row, column); got != want {
			t.Errorf("%s is %q, want %q", column, got, want)
		}
	}
	if len(row.Problems) > 0 {
		t.Errorf("problems: %v", row.Problems)
	}
}

func TestMetadataThatIsWrongIsAWarningAndNotUsed(t *testing.T) {
	for _, test := range []struct{ old, with, path, message string }{
		{"AF2B-C", "AF2B-D", "EpisodeMetadata/TitleEIDR-URN", "ends with D, its digits with C"},
		{"10.5240/2156", "11.5240/2156", "EpisodeMetadata/TitleEIDR-URN", "is no EIDR"},
		{">PT1H2M3S<", ">62 min<", "RunLength", "is no duration; write it like PT1H37M49S"},
		{"<md:Value>6</md:Value>", "<md:Value>7</md:Value>", "Ratings/Rating/Value", "is no rating of FSK; it has 0, 6"},
		{">DE<", ">US<", "Ratings/Rating/Region", "FSK is not used in US"},
		{`language="en"`, `language="eng"`, "EpisodeMetadata/TitleDisplayUnlimited@language", `the shorter "en"`},
	} {
		row := one(t, list("2.7", entry("Full Extract", strings.Replace(episode, test.old, test.with, 1), transaction("t"))), avails.Config{})
		if row.Refused() || len(row.Problems) != 1 || row.Problems[0].Element != "Avail/Asset/"+test.path ||
			!strings.Contains(row.Problems[0].Message, test.message) {
			t.Errorf("%s: %v", test.with, row.Problems)
		}
	}
}

func TestABundleGivesNoLicenses(t *testing.T) {
	bundle := strings.Replace(strings.Replace(movie, "Movie", "Collection", 1), "</Asset>", "<BundledAsset><BundledALID>x</BundledALID></BundledAsset></Asset>", 1)
	row := one(t, list("2.7", entry("Full Extract", bundle, transaction("t"))), avails.Config{})
	if row.Fields != nil || row.Refused() || len(row.Problems) != 1 {
		t.Errorf("%+v", row)
	}
}

func TestTransactionsAreToldApart(t *testing.T) {
	anonymous := func(elements ...string) string {
		return strings.Replace(transaction("", elements...), ` TransactionID=""`, "", 1)
	}
	rows, err := read(t, list("2.7", entry("Full Extract", movie+strings.ReplaceAll(movie, "bunny", "dog"), transaction("t"),
		anonymous(), anonymous(`<FormatProfile>SD</FormatProfile>`))), avails.Config{})
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, row := range rows {
		seen[field(row, "transaction")] = true
	}
	if len(rows) != 6 || len(seen) != 6 || !seen["t"] || !seen["t-2"] {
		t.Errorf("%d rows with the transactions %v", len(rows), seen)
	}
}

func TestARowQuotesItsTransaction(t *testing.T) {
	text := transaction("t", `<Territory><md:country>JJ</md:country></Territory>`)
	row := one(t, list("2.7", entry("Full Extract", movie, text)), avails.Config{})
	if row.Raw != text {
		t.Errorf("got %q, want %q", row.Raw, text)
	}
}

func TestAFileThatIsNoAvailsIsRefusedWithItsPlace(t *testing.T) {
	good := entry("Full Extract", movie, transaction("t"))
	for _, test := range []struct{ text, message string }{
		{"", "no elements"},
		{"plain text", "no elements"},
		{"<html/>", "in.xml:1: the file starts with html"},
		{`<Avails xmlns="http://www.movielabs.com/schema/avails/v2.7/avails"/>`, "the file starts with Avails"},
		{`<AvailList xmlns="http://example.com/"/>`, `namespace "http://example.com/"`},
		{strings.Replace(list("2.7", good), "</Asset>", "", 1), "malformed XML: element <Asset> closed by </Avail>; what stands before is imported"},
		{strings.TrimSuffix(list("2.7", good), "</AvailList>\n"), "malformed XML: unexpected EOF"},
		{`<?xml version="1.0" encoding="ISO-8859-1"?>` + list("2.7"), "the file is not UTF-8; save it as UTF-8"},
		{list("2.7", strings.Repeat("<x>", 100)), "64 deep"},
		{list("2.7", entry("Full Extract", movie, strings.Repeat(transaction("t"), 50))), "longer than 10000 bytes"},
	} {
		rows, err := read(t, test.text, avails.Config{AvailBytes: 10_000})
		if ovenbird.CodeOf(err) != ovenbird.Invalid || !strings.Contains(err.Error(), test.message) {
			t.Errorf("%.60q: %d rows, %v", test.text, len(rows), err)
		}
	}
	rows, err := read(t, list("2.7", good, "<Avail><"), avails.Config{})
	if err == nil || len(rows) != 1 {
		t.Errorf("before a break there are %d rows, %v", len(rows), err)
	}
	disk := errors.New("disk")
	for _, err := range avails.Read("in.xml", io.MultiReader(strings.NewReader("<AvailList"), iotest.ErrReader(disk)), avails.Config{}) {
		if !errors.Is(err, disk) {
			t.Errorf("a reader's error comes back as %v", err)
		}
	}
}

// FuzzRead: whatever the file is, reading ends, and rows that are refused have no fields.
func FuzzRead(f *testing.F) {
	f.Add(list("2.7", entry("Full Extract", episode, transaction("t"))))
	f.Add(list("2.4", entry("Full Delete", movie, transaction("t", "<-Territory>"))))
	f.Fuzz(func(t *testing.T, text string) {
		for row, err := range avails.Read("in.xml", strings.NewReader(text), avails.Config{}) {
			if err != nil {
				break
			}
			if row.Fields != nil && (row.Refused() || len(row.Fields) != len(avails.Columns())) {
				t.Errorf("%+v", row)
			}
		}
	})
}
