package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"ovenbird/internal/ovenbird"
)

const (
	// Prefix begins the keys of everything that the ledger has in the bucket.
	Prefix = "ledger/"
	// numbered begins the keys of checkpoints, which are written once.
	numbered = Prefix + "checkpoints/"
	// latestKey is the key of a copy of the newest, changed by compare-and-swap.
	latestKey = Prefix + "latest"
)

// checkpointKey is the key of the checkpoint with a number. Keys sort like numbers.
func checkpointKey(number int64) string { return fmt.Sprintf("%s%012d", numbered, number) }

// Reach is how far a chain is.
type Reach struct {
	Sequence int64  `json:"sequence"` // 0: nothing is in it
	Hash     string `json:"hash"`     // over everything up to there; "" where nothing is
}

// Checkpoint says how far both chains of an environment were at an instant.
type Checkpoint struct {
	Environment string    `json:"environment"`
	Number      int64     `json:"number"` // 1, 2, 3…
	At          time.Time `json:"at"`
	Ledger      Reach     `json:"ledger"`
	Feed        Reach     `json:"feed"`
	// Previous is the SHA-256 of the note before; "" in the first.
	Previous string `json:"previous"`
	// Restoring announces that the database is about to become another one, and why:
	// what the next checkpoint says may then contradict those before.
	Restoring string `json:"restoring,omitempty"`
	// Restored is whether that has happened. The chains go on from what checkpoint
	// Continues says, 0 for nothing; those in between are given up.
	Restored  bool  `json:"restored,omitempty"`
	Continues int64 `json:"continues,omitempty"`
}

// checkpointTitle is the first line of every checkpoint, with the number of the format.
const checkpointTitle = "ovenbird ledger checkpoint 1"

// none stands where there is nothing to be said in a line.
const none = "-"

// Text returns what is signed: lines of a word and what it says.
func (c *Checkpoint) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nenvironment %s\nnumber %d\nat %s\n", checkpointTitle, c.Environment, c.Number, c.At.UTC().Format(stampForm))
	for _, chain := range []struct {
		name Chain
		Reach
	}{{Ledger, c.Ledger}, {Feed, c.Feed}} {
		fmt.Fprintf(&b, "%s %d %s\n", chain.name, chain.Sequence, orNone(chain.Hash))
	}
	fmt.Fprintf(&b, "previous %s\n", orNone(c.Previous))
	if c.Restoring != "" {
		fmt.Fprintf(&b, "restoring %q\n", c.Restoring)
	}
	if c.Restored {
		fmt.Fprintf(&b, "restored %d\n", c.Continues)
	}
	return b.String()
}

func orNone(s string) string {
	if s == "" {
		return none
	}
	return s
}

// parseCheckpoint reads what Text wrote, and nothing else.
func parseCheckpoint(signed string) (*Checkpoint, error) {
	c := new(Checkpoint)
	lines := strings.Split(strings.TrimSuffix(signed, "\n"), "\n")
	for _, line := range lines[1:] {
		word, rest, _ := strings.Cut(line, " ")
		c.parseLine(word, rest)
	}
	// What was not understood, or is written in another way, is not there now.
	if c.Text() != signed {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "it is no checkpoint that this program understands")
	}
	return c, nil
}

func (c *Checkpoint) parseLine(word, rest string) {
	switch word {
	case "environment":
		c.Environment = rest
	case "number":
		c.Number, _ = strconv.ParseInt(rest, 10, 64)
	case "at":
		c.At, _ = time.Parse(stampForm, rest)
	case string(Ledger):
		c.Ledger = parseReach(rest)
	case string(Feed):
		c.Feed = parseReach(rest)
	case "previous":
		c.Previous = strings.TrimPrefix(rest, none)
	case "restoring":
		c.Restoring, _ = strconv.Unquote(rest)
	case "restored":
		c.Restored = true
		c.Continues, _ = strconv.ParseInt(rest, 10, 64)
	}
}

func parseReach(s string) (r Reach) {
	number, hash, _ := strings.Cut(s, " ")
	r.Sequence, _ = strconv.ParseInt(number, 10, 64)
	r.Hash = strings.TrimPrefix(hash, none)
	return r
}

// Note is a checkpoint as it lies in the bucket.
type Note struct {
	Checkpoint
	Body []byte
}

// hash is what the next checkpoint calls it.
func (n *Note) hash() string {
	if n == nil {
		return ""
	}
	sum := sha256.Sum256(n.Body)
	return hex.EncodeToString(sum[:])
}

// readNote reads a note, whoever signed it.
func readNote(body []byte) (*Note, error) {
	signed, _, found := strings.Cut(string(body), "\n\n")
	if !found {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "it is no signed note")
	}
	c, err := parseCheckpoint(signed + "\n")
	if err != nil {
		return nil, err
	}
	return &Note{*c, body}, nil
}

// sign makes a note of a checkpoint.
func (c *Checkpoint) sign(with note.Signer) (*Note, error) {
	body, err := note.Sign(&note.Note{Text: c.Text()}, with)
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint %d: %w", c.Number, err)
	}
	return &Note{*c, body}, nil
}
