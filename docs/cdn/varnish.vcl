# Varnish in front of an edge that believes its header: --country-from
# header:X-Viewer-Country --trusted-proxy (Varnish's address). For Varnish 7, with
# xkey of varnish-modules. Start varnishd with -p http_gzip_support=off: it is
# the edge that compresses, in more codings than Varnish knows.
vcl 4.1;

import std;
import xkey;

# TLS to an edge needs Varnish Enterprise, or a proxy such as stunnel between.
backend edge {
    .host = "127.0.0.1";
    .port = "8080";
    .connect_timeout = 2s;
    .first_byte_timeout = 10s;
    # An edge without a release, or one past its horizon, is not asked.
    .probe = { .url = "/readyz"; .interval = 1s; .timeout = 1s; .window = 4; .threshold = 2; .initial = 3; }
}

# Whoever runs `ovenbird edge --purge varnish:http://127.0.0.1:6081`.
acl purgers {
    "127.0.0.1";
}

# Where viewers are: here by their network. A vmod for GeoIP, or the header of a CDN
# in front of this (believed only from its addresses), does it for all countries.
acl finland {
    "127.0.0.2";
}

acl sweden {
    "127.0.0.3";
}

sub vcl_recv {
    if (req.method == "PURGE") {
        if (client.ip !~ purgers) {
            return (synth(403, "Not allowed"));
        }
        if (!req.http.Surrogate-Key) {
            return (synth(400, "A Surrogate-Key is missing"));
        }
        # Gone, with what would be there to revalidate: xkey.softpurge would leave it.
        return (synth(200, xkey.purge(req.http.Surrogate-Key) + " purged"));
    }

    # Never what the viewer says.
    unset req.http.X-Viewer-Country;
    if (client.ip ~ finland) {
        set req.http.X-Viewer-Country = "FI";
    } else if (client.ip ~ sweden) {
        set req.http.X-Viewer-Country = "SE";
    }

    # For operators only; no country and no application needs encoding.
    if (req.url ~ "^/_ovenbird(/|$)" || req.url ~ "^/[^/?]*%") {
        return (synth(404, "Not found"));
    }
    # Query parameters never matter, and neither does who asks.
    set req.url = regsub(req.url, "\?.*$", "");
    unset req.http.Cookie;
    unset req.http.Authorization;
    # Previews are for one editor.
    if (req.http.Ovenbird-Preview || req.url ~ "^/_preview/" || (req.method != "GET" && req.method != "HEAD")) {
        return (pass);
    }

    # Who excludes a coding is answered by the edge ...
    if (req.http.Accept-Encoding ~ "(?i);\s*q=0(\.0*)?\s*(,|$)") {
        return (pass);
    }
    # ... and else there are as few values as codings, so that each is kept once.
    if (req.http.Accept-Encoding ~ "(?i)\bzstd\b") {
        set req.http.Accept-Encoding = "zstd";
    } else if (req.http.Accept-Encoding ~ "(?i)\bbr\b") {
        set req.http.Accept-Encoding = "br";
    } else if (req.http.Accept-Encoding ~ "(?i)\bgzip\b") {
        set req.http.Accept-Encoding = "gzip";
    } else {
        unset req.http.Accept-Encoding;
    }
    return (hash);
}

sub vcl_hash {
    # Not the host: there is one site. Vary brings country and coding into it.
    hash_data(req.url);
    return (lookup);
}

sub vcl_backend_response {
    set beresp.http.xkey = beresp.http.Surrogate-Key;
    # What caches that are purged are told of their own (RFC 9213).
    if (beresp.http.CDN-Cache-Control ~ "max-age=[0-9]+") {
        set beresp.ttl = std.duration(regsub(beresp.http.CDN-Cache-Control, "^.*max-age=([0-9]+).*$", "\1s"), 0s);
    }
    # Nothing is served when its time is over, whether the edge answers or not ...
    set beresp.grace = 0s;
    # ... but kept for a while, so that the edge can say that it is the same (304).
    set beresp.keep = 10m;
    # Problems say no-store. That one was there is remembered, so that those who ask
    # for it need not wait for each other; the next answer may be kept again.
    if (beresp.http.Cache-Control ~ "no-store|private") {
        set beresp.uncacheable = true;
        set beresp.ttl = 120s;
    }
    return (deliver);
}

sub vcl_deliver {
    # Age stays: browsers count it against max-age.
    unset resp.http.xkey;
    unset resp.http.Surrogate-Key;
    unset resp.http.Cache-Tag;
    unset resp.http.CDN-Cache-Control;
    if (obj.hits > 0) {
        set resp.http.X-Cache = "HIT";
    } else {
        set resp.http.X-Cache = "MISS";
    }
}
