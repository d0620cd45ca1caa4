package extractors

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/extractors/readable"
	"github.com/newswatch/newswatch/pipeline/corpora"
)

var (
	update = flag.Bool("update", false, "write the golden table anew")
	all    = flag.Bool("all", false, "measure everything, print the table and what is wrong, compare nothing")
)

// eachRecord calls fn with every line of a file of the corpora.
func eachRecord[T any](t *testing.T, path string, fn func(i int, v T)) {
	t.Helper()
	i := 0
	for v, err := range corpora.Records[T](path) {
		if err != nil {
			t.Fatal(err)
		}
		fn(i, v)
		i++
	}
}

// a langCount is how often the language was right, by what was asked of.
type langCount struct {
	right, of map[string]int // by language
}

func (c *langCount) add(want, got string) bool {
	if c.of == nil {
		c.right, c.of = make(map[string]int), make(map[string]int)
	}
	c.of[want]++
	if got == want {
		c.right[want]++
	}
	return got == want
}

// readLang is the language of pages whose ground truth, which a detector made,
// is wrong, as a reader sees it.
var readLang = map[string]string{
	"fundus/isl_Morgunbladid_2025_04_16.html":                                           "is",
	"fundus/lt_LRT_2024_03_31.html":                                                     "lt",
	"fundus/no_NRK_2024_08_05.html":                                                     "no",
	"fundus/za_Ilanga_2025_12_03.html":                                                  "zu",
	"fundus/za_IsolezweLesiXhosa_2025_11_09.html":                                       "xh",
	"scrapinghub/20b2b64916b00b25203c9f1bf14248922f4d522f18328e9f876cce116df0083e.html": "it",
	"scrapinghub/21486419bb109c5a62a68957f528e6ff29c92f58d8d3c1f2837c86ff3f3e11f9.html": "id",
	"scrapinghub/7837c9d66c815b9a21dd669a3dc21677c3f084b1b7dd603d56e87867d8970dd3.html": "id",
	"trafilatura/archive.org.juergenheitmann.com.aggression.html.html":                  "de",
	"trafilatura/blogoff.de.i-htm.html.html":                                            "de",
	"trafilatura/chip.de.beef.html.html":                                                "de",
	"trafilatura/correio24horas.com.br-PMS.html.html":                                   "pt",
	"trafilatura/correiobraziliense.com.br-poderes.html.html":                           "pt",
	"trafilatura/creativecommons.at.faircoin.html.html":                                 "de",
	"trafilatura/dbjr.de.bundespraesident.html.html":                                    "de",
	"trafilatura/digitale-exzellenz.de.gesundheitswesen.html.html":                      "de",
	"trafilatura/elnuevodia.com-mujeres.html.html":                                      "es",
	"trafilatura/elpais.com.ciencia.html.html":                                          "es",
	"trafilatura/erp-news.info.interview.html.html":                                     "de",
	"trafilatura/herzundblut.com.Besuch.html.html":                                      "de",
	"trafilatura/iconmagazine.de.sharonstone.html.html":                                 "de",
	"trafilatura/infobae.com-ucrania.html.html":                                         "es",
	"trafilatura/lastampa.it.temperature.html.html":                                     "it",
	"trafilatura/linksfraktion.de-Abzocke.html.html":                                    "de",
	"trafilatura/madame.lefigaro.fr.dintestin.html.html":                                "fr",
	"trafilatura/martinruetter.com-Winter.html.html":                                    "de",
	"trafilatura/mobilsicher.de.icloud.html.html":                                       "de",
	"trafilatura/next2games.de.anno.html.html":                                          "de",
	"trafilatura/oekolaundbau.de-zweinutzungshuhns.html.html":                           "de",
	"trafilatura/pferderevue.at-_bung.html.html":                                        "de",
	"trafilatura/publimetro.cl-ministra.html.html":                                      "es",
	"trafilatura/reisen-mit-dem-internet.de.emden-21416.html.html":                      "de",
	"trafilatura/rosalux.de-quarantaene.html.html":                                      "de",
	"trafilatura/selbst.de-wurmkiste.html.html":                                         "de",
	"trafilatura/simplyscience.ch.erdoel.html.html":                                     "de",
	"trafilatura/slf.ch-lawinensituation.html.html":                                     "de",
	"trafilatura/sports.fr.lorient.html.html":                                           "fr",
	"trafilatura/swim.de-ga2.html.html":                                                 "de",
	"trafilatura/swr.de-volleyball.html.html":                                           "de",
	"trafilatura/tell-review.de.heimweh.html.html":                                      "de",
	"trafilatura/tine.no.fotballskole.html.html":                                        "no",
	"trafilatura/together.ch.schaffhausen.html.html":                                    "de",
	"trafilatura/uniqz.de.katzendecke.html.html":                                        "de",
	"trafilatura/wikimediafoundation.org.turkey.html.html":                              "en",
}

// TestLanguageQuality measures the language where it is known and compares with
// the committed table: pages with what they declare and without, titles alone,
// and the texts that the names of entities are marked in.
func TestLanguageQuality(t *testing.T) {
	dir := corpora.Folder(t)
	sets := make(map[string]*langCount)
	count := func(set, id, want, got, sample string) {
		if sets[set] == nil {
			sets[set] = new(langCount)
		}
		if !sets[set].add(want, got) && *all {
			t.Logf("%s %s want %s got %q: %.120q", set, id, want, got, sample)
		}
	}
	type page struct{ Set, Path, URL, Lang string }
	eachRecord(t, filepath.Join(dir, "articles", "pages.jsonl"), func(i int, p page) {
		if p.Lang == "" || p.Lang == "??" || !*all && i%8 != 0 && (p.Lang == "en" || p.Lang == "de") {
			return
		}
		body, err := os.ReadFile(filepath.Join(dir, "articles", p.Path))
		if err != nil {
			t.Fatal(err)
		}
		got, err := readable.Extract(body, readable.Options{URL: p.URL})
		if err != nil {
			t.Errorf("%s: %v", p.Path, err)
			return
		}
		text := cmp.Or(got.Text, got.Summary)
		want := cmp.Or(readLang[strings.TrimPrefix(p.Path, "html/")], p.Lang)
		count("pages, as declared", p.Path, want, Language(got.Title, text, got.Lang), got.Lang+" "+got.Title+" / "+text)
		count("pages, nothing declared", p.Path, want, Language(got.Title, text), got.Title+" / "+text)
	})
	type story struct{ URI, Lang, Title string }
	three := map[string]string{"eng": "en", "rus": "ru", "spa": "es", "deu": "de", "fra": "fr", "ita": "it", "por": "pt", "zho": "zh", "slv": "sl", "hrv": "hr", "ara": "ar"}
	eachRecord(t, filepath.Join(dir, "stories", "og2021-titles.jsonl"), func(_ int, s story) {
		want := cmp.Or(three[s.Lang], s.Lang)
		count("story titles", s.URI, want, Language(s.Title, ""), s.Title)
		count("story titles, declared", s.URI, want, Language(s.Title, "", want), s.Title)
	})
	type article struct{ ID, Title, Lang, Body string }
	eachRecord(t, filepath.Join(dir, "news", "news-47k.jsonl.zst"), func(i int, a article) {
		if !*all && i%20 != 0 {
			return
		}
		count("news titles", a.ID, a.Lang, Language(a.Title, ""), a.Title)
		count("news", a.ID, a.Lang, Language(a.Title, a.Body), a.Title+" / "+a.Body)
		count("news declared English", a.ID, a.Lang, Language(a.Title, a.Body, "en"), a.Title+" / "+a.Body)
	})
	type marked struct{ ID, Lang, Text string }
	for _, name := range []string{"gold_en_aida", "gold_pl_slavicner", "gold_ru_nerel", "gold_ru_slavicner", "gold_uk_slavicner"} {
		eachRecord(t, filepath.Join(dir, "entities", name+".jsonl.gz"), func(_ int, m marked) {
			title, text, _ := strings.Cut(strings.TrimSpace(m.Text), "\n")
			count("texts with entities", m.ID, m.Lang, Language(title, text), m.Text)
		})
	}
	got := langTable(sets)
	if *all {
		t.Logf("\n%s", got)
		return
	}
	golden := filepath.Join("testdata", "language.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("quality moved; go test -run TestLanguageQuality -update if it is meant to (-want +got):\n%s", diff)
	}
}

func langTable(sets map[string]*langCount) string {
	names := make([]string, 0, len(sets))
	for set := range sets {
		names = append(names, set)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString("set                          of  right | wrong, by language\n")
	for _, set := range names {
		c := sets[set]
		var right, of int
		var wrong []string
		for lang, n := range c.of {
			right, of = right+c.right[lang], of+n
			if c.right[lang] < n {
				wrong = append(wrong, fmt.Sprintf("%s %d/%d", lang, n-c.right[lang], n))
			}
		}
		slices.Sort(wrong)
		fmt.Fprintf(&b, "%-24s %6d  %.3f | %s\n", set, of, float64(right)/float64(of), strings.Join(wrong, ", "))
	}
	return b.String()
}
