package tags

import (
	"testing"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

// The starter catalog keeps the promises it makes of itself, with nothing to
// warn of.
func TestStarter(t *testing.T) {
	c := catalog.Starter()
	m, warnings := Compile(c.Entities)
	for _, w := range warnings {
		t.Errorf("warning: %v", w)
	}
	for _, f := range Check(m, c.Entities) {
		t.Error(f)
	}
	tests := 0
	for _, e := range c.Entities {
		tests += len(e.Tests.Match) + len(e.Tests.NoMatch)
	}
	if tests < 50 {
		t.Errorf("the starter catalog has %d tests", tests)
	}
}
