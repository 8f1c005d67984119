-- What editors have released, with its genres in one column.
SELECT f.id, f.title, f.summary, f.year, f.minutes, group_concat(g.name, ',') AS genres
FROM film AS f LEFT JOIN film_genre AS fg ON fg.film = f.id LEFT JOIN genre AS g ON g.id = fg.genre
WHERE f.state = 'released'
GROUP BY f.id;
