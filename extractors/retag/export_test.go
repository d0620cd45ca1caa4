package retag

// SetListed sets how many ids are listed at once.
func (r *Retagger) SetListed(n int) { r.listed = n }
