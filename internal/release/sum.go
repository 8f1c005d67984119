package release

// HeadSum is what of the head people change by hand.
type HeadSum struct {
	Sequence uint64 `json:"head"`
	Current  string `json:"current"`
	Hold     *Hold  `json:"hold,omitempty"`
	// Pinned and Note are those of one release.
	Pinned bool   `json:"pinned"`
	Note   string `json:"note,omitempty"`
}

// Sum sums up the head, and one release in it; "" is none.
func (h Head) Sum(id string) HeadSum {
	kept, _ := h.Release(id)
	return HeadSum{Sequence: h.Sequence, Current: h.Current, Hold: h.Hold, Pinned: kept.Pinned, Note: kept.Note}
}
