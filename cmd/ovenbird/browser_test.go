package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const chromium = "/usr/bin/chromium"

// The storefront of a running environment, in a real browser.
func TestTheStorefrontShowsWhatIsBaked(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	if _, err := os.Stat(chromium); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is missing: apt-get install chromium")
		}
		t.Skip("chromium is missing: apt-get install chromium")
	}
	url := startUp(t, filepath.Join("..", "..", "examples", "toons"))
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox,
		chromedp.Flag("disable-background-networking", true))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	defer stop()
	browser, closeBrowser := chromedp.NewContext(allocator)
	defer closeBrowser()
	if err := chromedp.Do(browser, chromedp.Navigate(url+"/")); err != nil {
		t.Fatal(err)
	}
	limited, cancel := context.WithTimeout(browser, time.Minute)
	defer cancel()
	for address, shown := range map[string]string{
		"/":                       `a[href*="title/sintel"]`,
		"/#/title/big-buck-bunny": "h1",
		"/#/upcoming":             "h1",
	} {
		if err := chromedp.Do(limited, chromedp.Navigate("about:blank"), chromedp.Navigate(url+address),
			chromedp.WaitVisible(shown)); err != nil {
			t.Fatalf("%s shows no %s: %v", address, shown, err)
		}
		text, err := chromedp.Run(limited, chromedp.Text("body"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, "Big Buck Bunny") && address != "/#/upcoming" {
			t.Errorf("%s does not name Big Buck Bunny:\n%s", address, text)
		}
	}
}

// startUp runs `up` on a free port until the test ends, and returns its address.
func startUp(t *testing.T, siteDir string) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	reader, stdout := io.Pipe()
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"up", "--site", siteDir, "--data", t.TempDir(), "--listen", "127.0.0.1:0"}, nil, stdout, &stderr)
		stdout.Close() //nolint:errcheck // a pipe's Close always succeeds
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("up ended with %d:\n%s", code, stderr.String())
		}
	})
	line := make([]byte, 256)
	n, err := reader.Read(line)
	if err != nil {
		t.Fatalf("up did not get ready: %v", err)
	}
	return strings.TrimSpace(strings.TrimPrefix(string(line[:n]), "ready "))
}
