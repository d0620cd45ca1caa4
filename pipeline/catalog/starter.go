package catalog

import _ "embed"

// StarterFile is the name under which the starter catalog is applied: what it
// brought is managed by it, and goes when another catalog takes its place.
const StarterFile = "starter.yaml (built in)"

//go:embed starter.yaml
var starterYAML []byte

// StarterYAML is the starter catalog as a file to begin one's own with.
func StarterYAML() []byte { return append([]byte(nil), starterYAML...) }

// Starter is the catalog the program carries: the entities of an article on
// Sino-Russian digital cooperation with their names in three languages, news
// sources, and some watches. It is parsed at each call.
func Starter() *Catalog {
	c, err := Parse(StarterFile, starterYAML)
	if err != nil {
		panic(err) // the file is part of the program, and a test reads it
	}
	return c
}
