package edge_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/edge"
)

// large is a site of so many titles, each with a document and a card, and of
// lists of a hundred cards.
func large(titles int) content {
	c := content{rows: make(rows)}
	text := strings.Repeat("a synopsis of some length, ", 20)
	for i := range titles {
		c.rows[fmt.Sprintf("tv titles/t%d.json", i)] = row{"FI SE": fmt.Sprintf(`{"id":%d,"text":%q}`, i, text), "US": fmt.Sprintf(`{"us":%d,"text":%q}`, i, text)}
		c.rows["tv "+card(strconv.Itoa(i))] = row{"FI SE": fmt.Sprintf(`{"card":%d}`, i), "US": fmt.Sprintf(`{"us":%d}`, i)}
	}
	for page := range titles / 100 {
		var slots []string
		for i := range 100 {
			slots = append(slots, fmt.Sprintf("{{%d}}", page*100+i))
		}
		c.rows[fmt.Sprintf("tv collections/all/%d.json", page+1)] = row{"FI SE US": list("[" + strings.Join(slots, ",") + "]")}
	}
	return c
}

func BenchmarkTakeOver(b *testing.B) {
	const titles = 5000
	c := large(titles)
	s := newSite(b, edge.Config{})
	s.serve(c)
	b.Run("whole", func(b *testing.B) {
		for b.Loop() {
			s.edge = s.newEdge(edge.Config{})
			s.follow()
		}
	})
	b.Run("edit", func(b *testing.B) {
		n := 0
		for b.Loop() {
			b.StopTimer()
			n++
			c.asOf = noon.Add(time.Duration(n) * time.Second)
			c.rows["tv "+card("7")] = row{"FI SE US": fmt.Sprintf(`{"edit":%d}`, n)}
			s.publish(c)
			b.StartTimer()
			s.follow()
		}
	})
}
