package app

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/newswatch/newswatch/web"
)

type reindexAnswer struct {
	ID        string
	Processes []web.ReindexProgress
}

// newsLines is articles to load, a line each, in two months.
func newsLines(n int) string {
	var lines strings.Builder
	for i := range n {
		day := time.Date(2015, time.Month(11+i%2), 3, 9, i, 0, 0, time.UTC)
		fmt.Fprintf(&lines, `{"url":"https://news.example/%d","title":"Kettle %[1]d","text":"The town has bought its kettle number %[1]d today.","lang":"en","published":%q}`+"\n",
			i, day.Format(time.RFC3339))
	}
	return lines.String()
}

// The index is made anew from the articles in it while it goes on, once for
// each time that is asked for.
func TestReindex(t *testing.T) {
	r := runApp(t, t.TempDir(), nil)
	r.load(newsLines(20), false)
	eventually(t, "the articles searchable", func() bool { return r.search("kettle").Total == 20 })
	if code := r.do("GET", "/api/v1/reindex", "", nil); code != http.StatusNotFound {
		t.Errorf("before anything was asked for: %d, want 404", code)
	}
	for _, tt := range []struct {
		body       string
		partitions int
	}{
		{`{}`, 0}, // none is of an older version
		{`{"all":true}`, 2},
		{`{"all":true}`, 2},
	} {
		var asked, got reindexAnswer
		if code := r.do("POST", "/api/v1/reindex", tt.body, &asked); code != http.StatusAccepted {
			t.Fatalf("POST reindex %s: %d", tt.body, code)
		}
		eventually(t, "the index made anew", func() bool {
			r.do("GET", "/api/v1/reindex", "", &got)
			return got.ID == asked.ID && len(got.Processes) == 1 && got.Processes[0].State != web.ReindexRunning
		})
		p := got.Processes[0]
		if p.State != web.ReindexDone || p.Partitions != tt.partitions || p.PartitionsDone != tt.partitions || p.DocumentsDone != tt.partitions*10 {
			t.Errorf("%s: %+v", tt.body, p)
		}
		if n := r.search("kettle").Total; n != 20 {
			t.Errorf("%d found after %s, want 20", n, tt.body)
		}
	}
	if code := r.do("DELETE", "/api/v1/reindex", "", nil); code >= 300 {
		t.Errorf("stop: %d", code)
	}
	if code := r.do("DELETE", "/api/v1/reindex", "", nil); code != http.StatusNotFound {
		t.Errorf("stop again: %d", code)
	}
}

// What a damage takes while newswatch runs comes back from the stream without a
// restart, and the status tells of it.
func TestIndexDamageIsMended(t *testing.T) {
	data := t.TempDir()
	r := runApp(t, data, nil)
	r.load(newsLines(20), false)
	eventually(t, "the articles searchable", func() bool { return r.search("kettle").Total == 20 })
	segments := func() (files []string) {
		files, _ = filepath.Glob(filepath.Join(data, "index", "2015-12", "store", "*.zap"))
		return slices.DeleteFunc(files, func(path string) bool {
			info, err := os.Stat(path)
			return err != nil || info.Size() == 0 // begun just now
		})
	}
	r.settled(t) // what is being written yet is written again, and not damage
	eventually(t, "segments on the disk", func() bool { return len(segments()) > 0 })
	r.search("kettle") // what was in use before it was damaged must be noticed, too
	for _, path := range segments() {
		info, err := os.Stat(path)
		if err != nil {
			continue // merged just now
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			continue
		}
		if _, err := f.WriteAt(make([]byte, info.Size()), 0); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	eventually(t, "all articles there again", func() bool {
		res := r.search("kettle")
		return res.Total == 20 && len(res.Warnings) == 0
	})
	var st web.Status
	r.do("GET", "/api/v1/status", "", &st)
	if len(st.Index.Recoveries) == 0 || st.Index.Recoveries[0].Partition != "2015-12" || st.Index.Recoveries[0].Lost != 0 {
		t.Errorf("recoveries %+v", st.Index.Recoveries)
	}
	if notes := st.Index.Notes(); len(notes) == 0 || !strings.Contains(notes[0], "2015-12 was damaged") {
		t.Errorf("notes %q", notes)
	}
}
