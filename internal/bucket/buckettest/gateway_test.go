package buckettest_test

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/bucket/buckettest"
)

// dieWith makes a copy of this test binary start a gateway and wait to be killed.
const dieWith = "BUCKETTEST_DIE_WITH_A_GATEWAY"

func TestGatewayDiesWithTheTest(t *testing.T) {
	if os.Getenv(dieWith) != "" {
		_, _ = os.Stdout.WriteString("endpoint " + buckettest.StartGateway(t).Endpoint + "\n")
		select {}
	}
	buckettest.StartGateway(t) // where there is no gateway to start, this says so
	dying := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestGatewayDiesWithTheTest$")
	dying.Env = append(os.Environ(), dieWith+"=1")
	output, err := dying.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := dying.Start(); err != nil {
		t.Fatal(err)
	}
	var address string
	for lines := bufio.NewScanner(output); address == "" && lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "endpoint http://"); ok {
			address = rest
		}
	}
	if err := dying.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = dying.Wait() // killed, as it should be
	for t.Context().Err() == nil {
		var dialer net.Dialer
		c, err := dialer.DialContext(t.Context(), "tcp", address)
		if err != nil {
			return
		}
		_ = c.Close()
		select {
		case <-t.Context().Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}
