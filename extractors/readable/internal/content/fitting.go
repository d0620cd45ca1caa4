package content

// What the command that fits the model needs of a document.

// HashWords cuts a text into words as the walk does.
func HashWords(s string) []uint64 { return hashWords(s) }

// Words are the words of a block.
func (d *Document) Words(i int) []uint64 { return d.words[d.Blocks[i].first:d.Blocks[i].last] }

// SetFirst sets what the first forest says of a block.
func (d *Document) SetFirst(i int, p float64) { d.Blocks[i].probability1 = p }

// Kind says in a word what a block looks like by its element, its classes and
// its form.
func (d *Document) Kind(i int) string {
	b := &d.Blocks[i]
	for _, k := range [...]struct {
		bits bits
		name string
	}{
		{bitHidden, "hidden"}, {bitComment, "comment"}, {bitCaption, "caption"}, {bitFigure, "caption"},
		{bitTable, "table"}, {bitRelated, "related"}, {bitAuthor, "author"}, {bitLetter, "newsletter"},
		{bitShare, "share"}, {bitTags, "tags"}, {bitPromo, "promotion"}, {bitAside, "aside"}, {bitSide, "aside"},
		{bitFooter, "footer"}, {bitFootName, "footer"}, {bitNav, "navigation"}, {bitNavName, "navigation"},
		{bitMediaName, "media"}, {bitLead, "lead"}, {bitLive, "live"}, {bitQuote, "quote"},
	} {
		if b.bits&k.bits != 0 {
			return k.name
		}
	}
	switch x := &d.boxes[b.box]; {
	case b.heading > 0 || x.kind >= kindH1 && x.kind <= kindH3:
		return "heading"
	case 2*b.linked > b.weight:
		return "link"
	case b.Item || x.kind == kindItem:
		return "item"
	case b.weight < 60:
		return "short"
	}
	return "prose"
}
