package index

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func snapshot(t testing.TB, ix *Index) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := ix.Snapshot(context.Background(), &b); err != nil {
		t.Fatalf("Snapshot: %v", err)
	}
	return b.Bytes()
}

func restore(t testing.TB, data []byte) *Index {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "index")
	if err := RestoreSnapshot(context.Background(), dir, bytes.NewReader(data)); err != nil {
		t.Fatalf("RestoreSnapshot: %v", err)
	}
	if left, _ := filepath.Glob(dir + ".*"); len(left) > 0 {
		t.Errorf("left beside it: %v", left)
	}
	return openTest(t, dir)
}

// Snapshots taken while articles come, change, move between months and months
// are sealed hold what was written up to a message and nothing after it, and
// with the rest of the stream they are the whole.
func TestSnapshotWhileWriting(t *testing.T) {
	stream := messages(300) // the second revision of an article is in another month
	dir := t.TempDir()
	ix := openTest(t, dir)
	ix.From()
	var clock sync.WaitGroup
	stop := make(chan struct{})
	clock.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := sealOne(ix); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var taken [][]byte
	for part := range slices.Chunk(stream, 20) {
		wait := write(ix, part)
		taken = append(taken, snapshot(t, ix))
		if err := <-wait; err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	clock.Wait()
	taken = append(taken, snapshot(t, ix))
	if left, _ := filepath.Glob(filepath.Join(dir, pinnedPrefix+"*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	for i, data := range taken {
		if i%3 != 0 && i != len(taken)-1 {
			continue // opening costs time
		}
		got := restore(t, data)
		from := got.From()
		if from == 0 || from > uint64(len(stream))+1 {
			t.Fatalf("snapshot %d: From() = %d", i, from)
		}
		if i > 0 { // before the first write is durable all is asked for
			checkAll(t, got, stream[:from-1])
		}
		if i == len(taken)-1 && int(from) != len(stream)+1 {
			t.Errorf("From() = %d of the last snapshot, want %d", from, len(stream)+1)
		}
		for part := range slices.Chunk(stream[from-1:], 50) {
			put(t, got, part)
		}
		checkAll(t, got, stream)
		if err := got.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// sealOne seals a partition regardless of the clock.
func sealOne(ix *Index) (bool, error) {
	for _, p := range ix.list() {
		p.mu.Lock()
		ready := p.idx != nil && p.sealed == nil && len(p.pending) == 0 && p.state.Gen > 0
		p.mu.Unlock()
		if ready {
			return true, ix.seal(context.Background(), p)
		}
	}
	return false, nil
}

// What failed to be written and waits to come again is not in a snapshot, and
// is asked for.
func TestSnapshotFloor(t *testing.T) {
	stream := messages(30)
	ix := openTest(t, t.TempDir())
	ix.From()
	put(t, ix, stream[:10])
	put(t, ix, stream[20:])
	ix.SetFloor(func(context.Context) (uint64, error) { return 10, nil })
	got := restore(t, snapshot(t, ix))
	if from := got.From(); from != 11 {
		t.Fatalf("From() = %d, want 11", from)
	}
	put(t, got, stream[10:])
	checkAll(t, got, stream)
	no := errors.New("no answer")
	ix.SetFloor(func(context.Context) (uint64, error) { return 0, no })
	if err := ix.Snapshot(context.Background(), io.Discard); !errors.Is(err, no) {
		t.Errorf("Snapshot without a floor: %v", err)
	}
}

// A snapshot of an index that lacks something knows it.
func TestSnapshotLacking(t *testing.T) {
	dir := t.TempDir()
	stream := messages(30)
	ix := openTest(t, dir)
	ix.From()
	put(t, ix, stream)
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "2015-11")); err != nil {
		t.Fatal(err)
	}
	ix = openTest(t, dir)
	got := restore(t, snapshot(t, ix))
	if from, want := got.From(), ix.From(); from != want || want > 30 {
		t.Errorf("From() = %d, want %d", from, want)
	}
	put(t, got, stream[got.From()-1:])
	checkAll(t, got, stream)
}

func TestSnapshotEmpty(t *testing.T) {
	got := restore(t, snapshot(t, openTest(t, t.TempDir())))
	if from := got.From(); from != 1 {
		t.Errorf("From() = %d, want 1", from)
	}
}

// A snapshot of damaged segments, or of a closed index, is refused.
func TestSnapshotOfDamage(t *testing.T) {
	ix := openTest(t, t.TempDir())
	put(t, ix, messages(30))
	sealAll(t, ix)
	files, err := filepath.Glob(filepath.Join(ix.partition("2015-11").store(), "*.zap"))
	if err != nil || len(files) != 1 {
		t.Fatalf("segments %v, %v", files, err)
	}
	f, err := os.OpenFile(files[0], os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 64), 200); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ix.Snapshot(context.Background(), io.Discard); !errors.Is(err, errDamage) {
		t.Errorf("Snapshot: %v, want errDamage", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := ix.Snapshot(ctx, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("Snapshot: %v, want canceled", err)
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ix.Snapshot(context.Background(), io.Discard); !errors.Is(err, ErrClosed) {
		t.Errorf("Snapshot: %v, want ErrClosed", err)
	}
}

// A member is a file of a hand-made snapshot.
type member struct {
	name string
	data string
	flag byte // 0: a regular file
}

// pack makes a snapshot of members; the manifest is added unless edit wants
// another.
func pack(t testing.TB, members []member, edit func(*manifest)) []byte {
	t.Helper()
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	m := manifest{Format: snapshotFormat, Partitions: make(map[string]partitionFacts)}
	for _, f := range members {
		h := tarHeader(f.name, int64(len(f.data)), when)
		if f.flag != 0 {
			h.Typeflag, h.Size, h.Linkname, f.data = f.flag, 0, "/etc/passwd", ""
		}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, f.data); err != nil {
			t.Fatal(err)
		}
		m.Files = append(m.Files, SnapshotFile{f.name, int64(len(f.data)), hexSum([]byte(f.data))})
		if p := partitionOf(f.name); p != "" {
			m.Partitions[p] = partitionFacts{}
		}
	}
	if edit != nil {
		edit(&m)
	}
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := tw.WriteHeader(tarHeader(manifestPrefix+hexSum(data)+manifestSuffix, int64(len(data)), when)); err != nil {
		t.Fatal(err)
	}
	if _, err := tw.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// members reads a snapshot without looking for what is wrong with it.
func members(t testing.TB, data []byte) (out []member) {
	t.Helper()
	tr := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, member{name: h.Name, data: string(b)})
	}
}

// Whatever is wrong with a snapshot, it is said, and the folder stays as it was.
func TestRestoreDamaged(t *testing.T) {
	ix := openTest(t, t.TempDir())
	put(t, ix, messages(30))
	good := snapshot(t, ix)
	files := members(t, good)
	files = files[:len(files)-1] // without the manifest
	var m manifest
	if err := json.Unmarshal([]byte(members(t, good)[len(files)].data), &m); err != nil {
		t.Fatal(err)
	}
	facts := func(got *manifest) { got.Partitions = m.Partitions }
	with := func(change func(files []member) []member) []byte {
		return pack(t, change(slices.Clone(files)), facts)
	}
	checkpointAt := slices.IndexFunc(files, func(f member) bool { return f.name == checkpointFile })
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", nil, "ends before its manifest"},
		{"no archive", []byte(strings.Repeat("this is no tar\n", 100)), "after 0 files"},
		{"cut in a header", good[:700], "unexpected EOF"},
		{"cut in a file", good[:len(good)/2], "unexpected EOF"},
		{"cut before the manifest", good[:bytes.Index(good, []byte(manifestPrefix))], "ends before its manifest"},
		{"cut in the manifest", good[:len(good)-1500], "manifest"},
		{"a file changed", with(func(f []member) []member {
			i := slices.IndexFunc(f, func(f member) bool { return strings.HasSuffix(f.name, ".zap") })
			f[i].data = f[i].data[:200] + "zzzz" + f[i].data[204:]
			return f
		}), "partition"},
		{"a file left out", with(func(f []member) []member { return f[1:] }), "partition"},
		{"a file twice", with(func(f []member) []member { return append(f, f[0]) }), "twice"},
		{"no checkpoint", with(func(f []member) []member { return slices.Delete(f, checkpointAt, checkpointAt+1) }), "checkpoint.json is missing"},
		{"another checkpoint", with(func(f []member) []member {
			f[checkpointAt].data = strings.Replace(f[checkpointAt].data, `"gen":1`, `"gen":2`, 1)
			return f
		}), "at write 1, not 2"},
		{"torn checkpoint", with(func(f []member) []member {
			f[checkpointAt].data = f[checkpointAt].data[:20]
			return f
		}), "checkpoint"},
		{"up and away", pack(t, append(slices.Clone(files), member{name: "../evil", data: "x"}), facts), "no name"},
		{"up from inside", pack(t, append(slices.Clone(files), member{name: "2015-12/../../evil", data: "x"}), facts), "no name"},
		{"absolute", pack(t, append(slices.Clone(files), member{name: "/tmp/evil", data: "x"}), facts), "no name"},
		{"hidden", pack(t, append(slices.Clone(files), member{name: "2015-12/.evil", data: "x"}), facts), "no name"},
		{"symbolic link", pack(t, append(slices.Clone(files), member{name: "2015-12/link", flag: tar.TypeSymlink}), facts), "no regular file"},
		{"hard link", pack(t, append(slices.Clone(files), member{name: "2015-12/link", flag: tar.TypeLink}), facts), "no regular file"},
		{"folder", pack(t, append(slices.Clone(files), member{name: "2015-12/dir/", flag: tar.TypeDir}), facts), "no regular file"},
		{"a partition more", pack(t, append(slices.Clone(files), member{name: "2015-09/x", data: "x"}), facts), "does not know"},
		{"manifest lacks one", pack(t, files, func(got *manifest) { facts(got); got.Files = got.Files[1:] }), "not in its manifest"},
		{"manifest has one more", pack(t, files, func(got *manifest) {
			facts(got)
			got.Files = append(got.Files, SnapshotFile{Name: "2015-12/x"})
		}), "missing"},
		{"manifest has one twice", pack(t, files, func(got *manifest) {
			facts(got)
			got.Files = append(got.Files, got.Files[0])
		}), "twice"},
		{"other size", pack(t, files, func(got *manifest) { facts(got); got.Files[0].Size++ }), "bytes, not"},
		{"other checksum", pack(t, files, func(got *manifest) { facts(got); got.Files[0].SHA256 = hexSum(nil) }), "SHA-256"},
		{"other count", pack(t, files, func(got *manifest) {
			got.Partitions = map[string]partitionFacts{"2015-10": {1, 1}, "2015-11": {1, 1}, "2015-12": {1, 1}}
		}), "documents, not 1"},
		{"another format", pack(t, files, func(got *manifest) { facts(got); got.Format = 2 }), "format 2"},
		{"changed manifest", bytes.Replace(good, []byte(`{"format":1`), []byte(`{"format":7`), 1), "manifest: SHA-256"},
		{"more behind it", append(slices.Clone(good[:len(good)-1024]), good...), "follows"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			err := RestoreSnapshot(context.Background(), filepath.Join(dir, "index"), bytes.NewReader(tt.data))
			if err == nil || !strings.Contains(err.Error(), tt.want) || tt.name != "another format" && !errors.Is(err, ErrSnapshot) {
				t.Errorf("RestoreSnapshot: %v, want %q", err, tt.want)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
	// Of any one byte that differs, something is said, or it is none of a file.
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		other := slices.Clone(good)
		at := rng.IntN(len(other))
		other[at] ^= byte(1 + rng.IntN(255))
		if err := VerifySnapshot(context.Background(), bytes.NewReader(other)); err == nil && !cmp.Equal(members(t, good), members(t, other), cmp.AllowUnexported(member{})) {
			t.Errorf("byte %d changed, and nothing said", at)
		}
	}
}

func TestRestoreFolder(t *testing.T) {
	ix := openTest(t, t.TempDir())
	put(t, ix, messages(30))
	good := snapshot(t, ix)
	dir := t.TempDir() // empty: it may be
	if err := RestoreSnapshot(context.Background(), dir, bytes.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	err := RestoreSnapshot(context.Background(), dir, bytes.NewReader(good))
	if !errors.Is(err, ErrNotEmpty) {
		t.Errorf("into a folder with something in it: %v, want ErrNotEmpty", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := RestoreSnapshot(ctx, filepath.Join(dir, "new"), bytes.NewReader(good)); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	checkAll(t, openTest(t, dir), messages(30))
}

func FuzzReadSnapshot(f *testing.F) {
	f.Add(pack(f, []member{{name: checkpointFile, data: "{}"}, {name: "2015-12/store/1.zap", data: "x"}}, nil))
	f.Add(pack(f, []member{{name: "../x", data: "x"}}, nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		const dir = "/somewhere"
		_, err := readSnapshot(context.Background(), bytes.NewReader(data), nil, func(name string) (io.WriteCloser, error) {
			if file := filepath.Join(dir, name); !strings.HasPrefix(file, dir+"/") || name != checkpointFile && partitionOf(name) == "" {
				t.Errorf("asked to create %q", name)
			}
			return nowhere{io.Discard}, nil
		})
		if err == nil && len(data) < 512 {
			t.Error("too short, and nothing said")
		}
	})
}
