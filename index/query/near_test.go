package query

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// AreNear is what trying every choice of one place for each part says.
func TestAreNear(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	near := 0
	for range 20_000 {
		parts := make([][]Place, 2+rng.IntN(2))
		for i := range parts {
			for range rng.IntN(4) {
				first := rng.IntN(25)
				parts[i] = append(parts[i], Place{first, first + rng.IntN(3)})
			}
		}
		n := 1 + rng.IntN(6)
		want := anyNear(parts, nil, n)
		if want {
			near++
		}
		if got := AreNear(parts, n); got != want {
			t.Fatalf("AreNear(%v, %d) = %v, want %v", parts, n, got, want)
		}
	}
	if near < 1000 {
		t.Errorf("only %d were near", near)
	}
}

func anyNear(parts [][]Place, chosen []Place, n int) bool {
	if len(parts) == 0 {
		byFirst := func(a, b Place) int { return a.First - b.First }
		first, last := slices.MinFunc(chosen, byFirst), slices.MaxFunc(chosen, byFirst)
		return last.First-first.Last <= n
	}
	for _, p := range parts[0] {
		if !slices.ContainsFunc(chosen, func(q Place) bool { return q.First == p.First }) && anyNear(parts[1:], append(slices.Clip(chosen), p), n) {
			return true
		}
	}
	return false
}
