// Package geoiptest makes small files in the MaxMind DB format.
package geoiptest

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
)

// node is a node of the tree over the bits of addresses: a child, or the country
// that ends there.
type node struct {
	children [2]*node
	country  string
}

// Database returns a file in which each network has a country, given by their
// codes. No network lies in another.
func Database(built uint64, networks map[string]string) []byte {
	root := &node{}
	for network, country := range networks {
		prefix := netip.MustParsePrefix(network)
		bits, skip := prefix.Addr().As16(), 0
		if prefix.Addr().Is4() {
			// IPv4 lies below ::/96.
			v4 := prefix.Addr().As4()
			bits, skip = [16]byte{12: v4[0], v4[1], v4[2], v4[3]}, 96
		}
		at := root
		for i := range skip + prefix.Bits() {
			bit := bits[i/8] >> (7 - i%8) & 1
			if at.children[bit] == nil {
				at.children[bit] = &node{}
			}
			at = at.children[bit]
		}
		at.country = country
	}
	return encode(root, built)
}

// encode writes the tree, the records, and what the file says of itself.
func encode(root *node, built uint64) []byte {
	var nodes []*node
	var walk func(*node)
	walk = func(n *node) {
		if n != nil && n.country == "" {
			nodes = append(nodes, n)
			walk(n.children[0])
			walk(n.children[1])
		}
	}
	walk(root)
	var tree, data bytes.Buffer
	offsets := make(map[string]int)
	record := func(child *node) int {
		switch {
		case child == nil:
			return len(nodes) // nothing
		case child.country == "":
			return slices.Index(nodes, child)
		}
		if _, known := offsets[child.country]; !known {
			offsets[child.country] = data.Len()
			data.WriteByte(7<<5 | 1)
			data.Write(text("country_code"))
			data.Write(text(child.country))
		}
		return len(nodes) + 16 + offsets[child.country]
	}
	for _, n := range nodes {
		for _, child := range n.children {
			tree.Write(binary.BigEndian.AppendUint32(nil, uint32(record(child)))[1:])
		}
	}
	tree.Write(make([]byte, 16))
	tree.Write(data.Bytes())
	tree.WriteString("\xab\xcd\xefMaxMind.com")
	tree.WriteByte(7<<5 | 6)
	number := func(name string, kind byte, value uint64) {
		tree.Write(text(name))
		body := bytes.TrimLeft(binary.BigEndian.AppendUint64(nil, value), "\x00")
		if kind > 7 {
			tree.Write([]byte{byte(len(body)), kind - 7})
		} else {
			tree.WriteByte(kind<<5 | byte(len(body)))
		}
		tree.Write(body)
	}
	number("node_count", 6, uint64(len(nodes)))
	number("record_size", 5, 24)
	number("ip_version", 5, 6)
	number("binary_format_major_version", 5, 2)
	number("build_epoch", 9, built)
	tree.Write(text("database_type"))
	tree.Write(text("test"))
	return tree.Bytes()
}

// text encodes a short text.
func text(s string) []byte { return append([]byte{2<<5 | byte(len(s))}, s...) }
