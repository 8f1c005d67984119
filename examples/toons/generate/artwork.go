package main

import (
	"encoding/xml"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
)

// palette is five colors that go together: two of the background, two of the
// shapes, one of the words.
type palette struct{ top, bottom, far, near, words string }

var palettes = []palette{
	{"#16324f", "#2a628f", "#e0a458", "#f4d58d", "#fffbeb"},
	{"#3d1635", "#7b2d4e", "#e07a5f", "#f2cc8f", "#fff3e6"},
	{"#0f3b3a", "#1f7a6c", "#c8e6c9", "#ffd166", "#f4fff8"},
	{"#22223b", "#4a4e69", "#c9ada7", "#f2e9e4", "#ffffff"},
	{"#5f0f40", "#9a031e", "#fb8b24", "#ffd6a5", "#fff5e4"},
	{"#003049", "#14213d", "#fca311", "#669bbc", "#fdf0d5"},
	{"#283618", "#606c38", "#dda15e", "#fefae0", "#fffdf0"},
	{"#240046", "#5a189a", "#ff9e00", "#c77dff", "#f8f0ff"},
	{"#0b3954", "#087e8b", "#ff5a5f", "#bfd7ea", "#f5fbff"},
	{"#372549", "#774c60", "#b75d69", "#eacdc2", "#fff6f0"},
}

// canvas is a picture being drawn.
type canvas struct {
	strings.Builder
	w, h   int
	colors palette
	random *rand.Rand
}

// draw returns the picture of a title as SVG. A family shares its palette and
// motif; the title's own id arranges them.
func draw(t title, family string, i image) string {
	kin, own := seeded(family), seeded(t.ID)
	c := &canvas{w: i.Width, h: i.Height, colors: palettes[kin.IntN(len(palettes))], random: own}
	motif := motifs[kin.IntN(len(motifs))]
	c.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d">`, c.w, c.h, c.w, c.h)
	c.printf(`<linearGradient id="g" x2="0" y2="1"><stop stop-color="%s"/><stop offset="1" stop-color="%s"/></linearGradient>`,
		c.colors.top, c.colors.bottom)
	c.printf(`<rect width="%d" height="%d" fill="url(#g)"/>`, c.w, c.h)
	motif(c)
	if i.Role == "poster" {
		c.name(t.Texts.Name["en"])
	}
	c.WriteString("</svg>\n")
	return c.String()
}

// seeded returns random numbers that are always the same for an id.
func seeded(id string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(id))
	return rand.New(rand.NewPCG(h.Sum64(), 2)) //nolint:gosec // pictures, not secrets
}

// between returns a number from low to high hundredths of size.
func (c *canvas) between(size, low, high int) int {
	return size * (low + c.random.IntN(high-low+1)) / 100
}

// printf appends to the picture. A strings.Builder takes whatever is written.
func (c *canvas) printf(format string, args ...any) { _, _ = fmt.Fprintf(c, format, args...) }

func (c *canvas) circle(x, y, r int, fill string) {
	c.printf(`<circle cx="%d" cy="%d" r="%d" fill="%s"/>`, x, y, r, fill)
}

func (c *canvas) path(fill, format string, args ...any) {
	c.printf(`<path fill="%s" d="%s"/>`, fill, fmt.Sprintf(format, args...))
}

// motifs are the ways to fill a picture.
var motifs = []func(*canvas){
	(*canvas).hills, (*canvas).rings, (*canvas).steps, (*canvas).waves, (*canvas).peaks, (*canvas).sky, (*canvas).rays,
}

// hills has a sun behind two hills.
func (c *canvas) hills() {
	c.circle(c.between(c.w, 25, 75), c.between(c.h, 20, 40), c.between(c.w, 10, 16), c.colors.near)
	y := c.between(c.h, 55, 65)
	c.path(c.colors.far, "M0 %d Q%d %d %d %d V%d H0Z", y, c.between(c.w, 30, 60), c.between(c.h, 30, 45), c.w, y, c.h)
	y = c.between(c.h, 70, 78)
	c.path(c.colors.bottom, "M0 %d Q%d %d %d %d V%d H0Z", y, c.between(c.w, 40, 80), c.between(c.h, 50, 90), c.w, y, c.h)
}

// rings has circles in one another, as on a pond.
func (c *canvas) rings() {
	x, y := c.between(c.w, 25, 75), c.between(c.h, 25, 55)
	for i := 5; i > 0; i-- {
		c.printf(`<circle cx="%d" cy="%d" r="%d" fill="none" stroke="%s" stroke-width="%d" opacity=".%d"/>`,
			x, y, i*c.w/9, c.colors.far, c.w/40, 9-i)
	}
	c.circle(x, y, c.w/20, c.colors.near)
}

// steps has a staircase with something round on it.
func (c *canvas) steps() {
	const count = 6
	for i := range count {
		level := c.h * (5 + i) / 12
		color := c.colors.far
		if i%2 == 1 {
			color = c.colors.bottom
		}
		c.printf(`<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`, i*c.w/count, level, c.w/count+1, c.h-level, color)
	}
	i, r := c.random.IntN(count), c.w/14
	c.circle(i*c.w/count+c.w/count/2, c.h*(5+i)/12-r, r, c.colors.near)
}

// waves has a sea under a moon.
func (c *canvas) waves() {
	c.circle(c.between(c.w, 20, 80), c.between(c.h, 15, 30), c.w/12, c.colors.near)
	for i, color := range []string{c.colors.far, c.colors.near, c.colors.bottom} {
		y, swing := c.h*(9+2*i)/16, c.between(c.h, 4, 9)
		c.path(color, "M0 %d q%d %d %d 0 t%d 0 t%d 0 t%d 0 V%d H0Z", y, c.w/8, -swing, c.w/4, c.w/4, c.w/4, c.w/4, c.h)
	}
}

// peaks has mountains with snow.
func (c *canvas) peaks() {
	for i := range 3 {
		x, top := c.w*(1+2*i)/6+c.between(c.w, -6, 6), c.between(c.h, 25, 45)
		c.path(c.colors.far, "M%d %d L%d %d L%d %dZ", x, top, x+c.w/3, c.h, x-c.w/3, c.h)
		c.path(c.colors.words, "M%d %d l%d %d l%d %d l%d %dZ", x, top, c.w/15, c.h/10, -c.w/15, -c.h/30, -c.w/15, c.h/30)
	}
	c.path(c.colors.bottom, "M0 %d L%d %d V%d H0Z", c.h*3/4, c.w, c.h*5/6, c.h)
}

// sky has stars and a planet.
func (c *canvas) sky() {
	for range 14 {
		c.circle(c.between(c.w, 2, 98), c.between(c.h, 2, 70), 1+c.w/200+c.random.IntN(1+c.w/150), c.colors.words)
	}
	x, y, r := c.between(c.w, 30, 70), c.between(c.h, 30, 50), c.between(c.w, 12, 18)
	c.circle(x, y, r, c.colors.far)
	c.printf(`<ellipse cx="%d" cy="%d" rx="%d" ry="%d" fill="none" stroke="%s" stroke-width="%d" transform="rotate(%d %d %d)"/>`,
		x, y, r*8/5, r/3, c.colors.near, c.w/80, c.random.IntN(60)-30, x, y)
}

// rays has beams from a corner of a stage.
func (c *canvas) rays() {
	x, y := c.between(c.w, 10, 90), c.between(c.h, 60, 75)
	for i := -3; i <= 3; i++ {
		c.printf(`<path fill="%s" opacity=".35" d="M%d %d L%d 0 h%dZ"/>`, c.colors.far, x, y, x+i*c.w*2/5-c.w/12, c.w/6)
	}
	c.circle(x, y, c.w/9, c.colors.near)
	c.printf(`<rect y="%d" width="%d" height="%d" fill="%s"/>`, y, c.w, c.h-y, c.colors.bottom)
}

// name writes a name over the foot of the picture, on as many lines as it takes.
func (c *canvas) name(name string) {
	const perLine = 14
	lines := []string{""}
	for word := range strings.FieldsSeq(name) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len(*last)+len(word) < perLine:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	size := c.w / 9
	c.printf(`<g font-family="Georgia,serif" font-weight="bold" font-size="%d" `, size)
	c.printf(`fill="%s" stroke="%s" stroke-width="%d" paint-order="stroke">`, c.colors.words, c.colors.top, size/6)
	for i, line := range lines {
		c.printf(`<text x="%d" y="%d">`, c.w/15, c.h-c.w/15-(len(lines)-1-i)*size*11/10)
		_ = xml.EscapeText(c, []byte(line))
		c.WriteString("</text>")
	}
	c.WriteString("</g>")
}
