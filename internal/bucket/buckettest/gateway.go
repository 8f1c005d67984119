package buckettest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// gatewayVersion is the version of versitygw that `make setup` installs.
const gatewayVersion = "v1.8.0"

// Gateway is a versitygw, a server that speaks S3, over a folder of its own.
type Gateway struct {
	// Endpoint is the address of the server, http://HOST:PORT.
	Endpoint string

	program, folder string
	root            User
	users           []User
}

// User is someone who may use a gateway. The zero value is nobody.
type User struct {
	Name   string // of the profile in the credentials file, and the access key
	Secret string
}

const gatewayRegion = "us-east-1"

// StartGateway starts a server, which ends with the test, also when the test
// dies. AWS's settings of this process point to it until then: the profile
// "default" is its root user. Without the program the test is skipped, except
// where CI is "true".
func StartGateway(t testing.TB) *Gateway {
	t.Helper()
	g := &Gateway{
		program: gatewayProgram(t), folder: t.TempDir(),
		root: User{Name: "default", Secret: rand.Text()},
	}
	// Nothing of the machine's or the user's settings, and no question to a cloud.
	for name, value := range g.Env() {
		t.Setenv(name, value)
	}
	g.writeCredentials(t)
	const attempts = 3 // someone else may take the port that was free
	for attempt := 1; ; attempt++ {
		output, err := g.start(t)
		if err == nil {
			return g
		}
		if attempt == attempts {
			t.Fatalf("starting versitygw: %v\n%s", err, output)
		}
	}
}

// gatewayProgram finds the program below the module's root.
func gatewayProgram(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	program := filepath.Join(dir, "bin", "versitygw-"+gatewayVersion)
	if _, err := os.Stat(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: run make setup", err)
		}
		t.Skipf("%v: run make setup", err)
	}
	return program
}

// start runs the server and waits until it answers. What it printed comes back
// with an error.
func (g *Gateway) start(t testing.TB) (string, error) {
	t.Helper()
	address, err := freeAddress(t.Context())
	if err != nil {
		return "", err
	}
	// The shell lives until its standard input ends, and so does the server: a
	// test that dies takes both along. The server must not have that input itself.
	// t.Context ends too early: there is something to stop in cleaning up.
	//nolint:gosec // the program is ours
	shell := exec.CommandContext(context.WithoutCancel(t.Context()), "sh", "-c", `"$@" </dev/null & read -r _; kill -KILL $!; wait`, "sh",
		g.program, "--quiet", "--port", address, "--iam-dir", filepath.Join(g.folder, "iam"), "--iam-cache-disable",
		"posix", filepath.Join(g.folder, "data"))
	for _, dir := range []string{"iam", "data"} {
		if err := os.MkdirAll(filepath.Join(g.folder, dir), 0o700); err != nil {
			return "", err
		}
	}
	shell.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+g.root.Name, "ROOT_SECRET_KEY="+g.root.Secret)
	var output lockedBuffer
	shell.Stdout, shell.Stderr = &output, &output
	input, err := shell.StdinPipe()
	if err != nil {
		return "", err
	}
	if err := shell.Start(); err != nil {
		return "", err
	}
	stop := sync.OnceFunc(func() {
		_ = input.Close()
		_ = shell.Wait() // killed, as it should be
	})
	t.Cleanup(stop)
	if err := awaitAnswer(t.Context(), "http://"+address); err != nil {
		stop()
		return output.String(), err
	}
	g.Endpoint = "http://" + address
	return "", nil
}

// lockedBuffer is a buffer that two goroutines may use.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func freeAddress(ctx context.Context) (string, error) {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// awaitAnswer waits until the server answers anything at all.
func awaitAnswer(ctx context.Context, endpoint string) error {
	const patience, pause = 20 * time.Second, 10 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, http.NoBody)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			return response.Body.Close()
		}
		select {
		case <-ctx.Done():
			return errors.Join(errors.New("it does not answer"), err)
		case <-time.After(pause):
		}
	}
}

// Env returns the environment variables by which a program finds the gateway's
// credentials, and no others.
func (g *Gateway) Env() map[string]string {
	return map[string]string{
		"AWS_SHARED_CREDENTIALS_FILE": filepath.Join(g.folder, "credentials"),
		"AWS_CONFIG_FILE":             filepath.Join(g.folder, "config"),
		"AWS_EC2_METADATA_DISABLED":   "true",
		"AWS_PROFILE":                 "default", "AWS_REGION": gatewayRegion,
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_ENDPOINT_URL": "",
	}
}

func (g *Gateway) writeCredentials(t testing.TB) {
	t.Helper()
	var file strings.Builder
	for _, u := range append([]User{g.root}, g.users...) {
		fmt.Fprintf(&file, "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", u.Name, u.Name, u.Secret)
	}
	if err := os.WriteFile(filepath.Join(g.folder, "credentials"), []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Secrets returns all secret keys: what no message may contain.
func (g *Gateway) Secrets() []string {
	secrets := []string{g.root.Secret}
	for _, u := range g.users {
		secrets = append(secrets, u.Secret)
	}
	return secrets
}

// AddUser adds a user with a profile of that name, who may do nothing yet.
func (g *Gateway) AddUser(t testing.TB, name string) {
	t.Helper()
	u := User{Name: name, Secret: rand.Text()}
	//nolint:gosec // the program is ours
	add := exec.CommandContext(t.Context(), g.program, "admin", "--access", g.root.Name, "--secret", g.root.Secret,
		"--endpoint-url", g.Endpoint, "create-user", "--access", u.Name, "--secret", u.Secret, "--role", "user")
	if output, err := add.CombinedOutput(); err != nil {
		t.Fatalf("adding user %s: %v\n%s", name, err, output)
	}
	g.users = append(g.users, u)
	g.writeCredentials(t)
}

// NewBucket makes an empty bucket and returns its name.
func (g *Gateway) NewBucket(t testing.TB) string {
	t.Helper()
	name := "b" + strings.ToLower(rand.Text()[:20])
	if _, err := g.Client().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatalf("making bucket %s: %v", name, err)
	}
	return name
}

// Folder returns the folder in which the gateway keeps the objects of a bucket, as
// files.
func (g *Gateway) Folder(bucket string) string { return filepath.Join(g.folder, "data", bucket) }

// URL returns the URL of a bucket, or of a place in it, NAME/PREFIX.
func (g *Gateway) URL(place string) string { return S3URL(place, g.Endpoint) }

// S3URL returns the URL of a place in a bucket, NAME/PREFIX, behind another
// address than the gateway's.
func S3URL(place, endpoint string) string {
	return "s3://" + place + "?use_path_style=true&region=" + gatewayRegion + "&endpoint=" + endpoint
}

// Client returns the client of the root user, for what a Bucket does not do.
func (g *Gateway) Client() *s3.Client {
	return s3.New(s3.Options{
		Region: gatewayRegion, BaseEndpoint: aws.String(g.Endpoint), UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: g.root.Name, SecretAccessKey: g.root.Secret}, nil
		}),
	})
}
