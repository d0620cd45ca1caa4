package index

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/newswatch/newswatch/pipeline"
)

// A file beside the partitions that names something else than they do is damage:
// nothing outside of the index is opened, moved or linked for it.
func TestStrangeNamesBeside(t *testing.T) {
	for what, content := range map[string]string{
		"a folder outside":   `{"version":1,"partition":"month","partitions":{"../2015-11":{"gen":3}}}`,
		"the index itself":   `{"version":1,"partition":"month","partitions":{".":{"gen":3}}}`,
		"of another length":  `{"version":1,"partition":"month","partitions":{"2015-w50":{"gen":3}}}`,
		"an unknown length":  `{"version":1,"partition":"day","partitions":{}}`,
		"no length":          `{"version":1,"partitions":{}}`,
		"nothing about it":   `{"version":1,"partition":"month","partitions":{"2015-11":null}}`,
		"of no version":      `{"partition":"month","partitions":{}}`,
		"something else":     `[]`,
		"half of it":         `{"version":1,"parti`,
		"nothing":            ``,
		"a partition listed": `{"version":1,"partition":"month"}`,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, checkpointFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if cp, err := readCheckpoint(dir); !errors.Is(err, errNoCheckpoint) {
			t.Errorf("checkpoint with %s: %+v, %v", what, cp, err)
		}
	}
	for what, content := range map[string]string{
		"a file outside":  `{"documents":1,"files":{"../x":{"size":1}}}`,
		"a file anywhere": `{"documents":1,"files":{"/etc/passwd":{"size":1}}}`,
		"no files":        `{"documents":1}`,
		"nothing":         `null`,
		"half of it":      `{"documents":1,"files":{"index_meta.json":`,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, sealFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := readSeal(dir); !errors.Is(err, errSeal) || s != nil {
			t.Errorf("seal with %s: %+v, %v", what, s, err)
		}
	}
}

// FuzzBeside opens an index with anything for the files that stand beside its
// partitions and in them. It opens or says why not, touches nothing outside of
// its folder, and what it lacks it asks for.
func FuzzBeside(f *testing.F) {
	stream := messages(5)
	template := f.TempDir()
	ix := openTest(f, template)
	put(f, ix, stream)
	if err := ix.Close(); err != nil {
		f.Fatal(err)
	}
	checkpoint, err := os.ReadFile(filepath.Join(template, checkpointFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(checkpoint, []byte{}, []byte(`{"partition":"2015-12","state":"running","found":"2015-12-16T09:00:00Z"}`))
	f.Add([]byte(`{"version":1,"partition":"month","partitions":{"../2015-11":{"gen":3,"seq":9,"low":1}}}`), []byte(`{"files":{"../../2015-11/kept":{"size":4}}}`), []byte(`{"partition":"../2015-11"}`))
	f.Add([]byte(`{"version":1,"partition":"month","replay":18446744073709551615,"floor":"2016-01","lacking":{"x":1},"partitions":{"2015-12":{"gen":99,"seq":18446744073709551615,"late":[{"gen":9,"low":0}]}}}`), []byte(`{"documents":5,"state":{"gen":1},"files":{}}`), []byte(`null`))
	f.Fuzz(func(t *testing.T, checkpoint, seal, recovery []byte) {
		root := t.TempDir()
		dir, outside := filepath.Join(root, "index"), filepath.Join(root, "2015-11")
		if err := os.CopyFS(dir, os.DirFS(template)); err != nil {
			t.Fatal(err)
		}
		aside := filepath.Join(dir, "2015-12"+damagedInfix+"20151216T090000.000")
		for _, d := range []string{outside, aside} {
			if err := os.Mkdir(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for file, data := range map[string][]byte{
			filepath.Join(dir, checkpointFile): checkpoint, filepath.Join(dir, "2015-12", sealFile): seal,
			filepath.Join(aside, recoveryFile): recovery, filepath.Join(outside, "kept"): []byte("kept"),
		} {
			if len(data) == 0 {
				continue
			}
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		ix, err := tryOpen(Config{Dir: dir})
		if err == nil {
			// What is asked for comes again; that a checkpoint lies about what was
			// never written nobody can know.
			if from := ix.From(); from > 0 && from <= uint64(len(stream)) {
				put(t, ix, stream[from-1:])
			}
			find(t, ix, pipeline.SearchRequest{Query: "title"})
			if err := ix.Close(); err != nil {
				t.Error(err)
			}
		}
		if data, err := os.ReadFile(filepath.Join(outside, "kept")); string(data) != "kept" {
			t.Errorf("a file outside of the index: %q, %v", data, err)
		}
		if entries, _ := os.ReadDir(root); len(entries) != 2 {
			t.Errorf("there is more beside the index: %v", entries)
		}
		if entries, _ := os.ReadDir(outside); len(entries) != 1 {
			t.Errorf("there is more in a folder outside: %v", entries)
		}
	})
}
