// Package geoip tells in which country an address is registered, from a file in
// the MaxMind DB format whose records have a country_code, and fetches such a file:
// the CC0 data of the npm package @ip-location-db/geo-whois-asn-country-mmdb.
package geoip
