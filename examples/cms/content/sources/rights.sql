SELECT r.id, r.film, r.country, r.first_day, r.last_day FROM rights AS r JOIN film AS f ON f.id = r.film WHERE f.state = 'released';
