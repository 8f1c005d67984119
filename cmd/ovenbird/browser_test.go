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
	"github.com/chromedp/chromedp/kb"
)

const chromium = "/usr/bin/chromium"

// startBrowser starts a browser that ends with the test.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	if _, err := os.Stat(chromium); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is missing: apt-get install chromium")
		}
		t.Skip("chromium is missing: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox,
		chromedp.Flag("disable-background-networking", true), chromedp.WindowSize(1280, 900))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	browser, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(closeBrowser)
	return browser
}

// The storefront of a running environment, in a real browser.
func TestTheStorefrontShowsWhatIsBaked(t *testing.T) {
	browser := startBrowser(t)
	url := startUp(t, filepath.Join("..", "..", "examples", "toons"))
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

// Typing finds titles; arrow keys and Enter open one; Escape closes the list.
func TestTheStorefrontFindsTitlesAsOneTypes(t *testing.T) {
	browser := startBrowser(t)
	url := startUp(t, filepath.Join("..", "..", "examples", "toons"))
	if err := chromedp.Do(browser, chromedp.Navigate(url+"/#/?country=FI&app=web")); err != nil {
		t.Fatal(err)
	}
	limited, cancel := context.WithTimeout(browser, time.Minute)
	defer cancel()
	const box, option = "#search", "#suggestions [role=option]"
	if err := chromedp.Do(limited, chromedp.WaitVisible(`a[href*="title/sintel"]`), chromedp.SendKeys(box, "BÚNn"),
		chromedp.WaitVisible(option)); err != nil {
		t.Fatalf("nothing is found: %v", err)
	}
	if dir := os.Getenv("OVENBIRD_SCREENSHOTS"); dir != "" {
		picture, err := chromedp.Run(limited, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "search.png"), picture, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := chromedp.Run(limited, chromedp.Text(option))
	if err != nil || !strings.Contains(text, "Big Buck Bunny") {
		t.Errorf("typing BÚNn suggests %q, %v", text, err)
	}
	const opened = `location.hash.startsWith("#/title/big-buck-bunny")`
	if err := chromedp.Do(limited, chromedp.SendKeys(box, kb.Escape), chromedp.WaitNotVisible("#suggestions"),
		chromedp.SendKeys(box, "y"), chromedp.WaitVisible(option), chromedp.SendKeys(box, kb.ArrowDown),
		chromedp.WaitVisible(`#suggestions [aria-selected="true"]`), chromedp.SendKeys(box, kb.Enter),
		chromedp.WaitVisible(".synopsis")); err != nil {
		t.Fatalf("the keyboard does not open a title: %v", err)
	}
	if at, err := chromedp.Run(limited, chromedp.Evaluate[bool](opened)); err != nil || !at {
		t.Errorf("it is not at Big Buck Bunny, %v", err)
	}
	if err := chromedp.Do(limited, chromedp.SendKeys(box, "zzz"), chromedp.WaitVisible("#suggestions .none"),
		chromedp.SendKeys(box, kb.Enter), chromedp.WaitVisible(".message")); err != nil {
		t.Fatalf("what is not there is not told: %v", err)
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
