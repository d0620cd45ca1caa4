package content

// What the command that fits the model needs of a document.

// HashWords cuts a text into words as the walk does.
func HashWords(s string) []uint64 { return hashWords(s) }

// Words are the words of a block.
func (d *Document) Words(i int) []uint64 { return d.words[d.Blocks[i].first:d.Blocks[i].last] }

// SetFirst sets what the first forest says of a block.
func (d *Document) SetFirst(i int, p float64) { d.Blocks[i].probability1 = p }
