// The page's plane: metres east and south of where you begin, so that it can be drawn as it is.

const METRES_PER_DEG_LAT = 111_267;
const METRES_PER_DEG_LON_AT_EQUATOR = 111_320;

export class Plane {
  constructor([lon, lat]) {
    this.lon = lon;
    this.lat = lat;
    this.perLon = METRES_PER_DEG_LON_AT_EQUATOR * Math.cos((lat * Math.PI) / 180);
  }

  toMetres([lon, lat]) {
    return [(lon - this.lon) * this.perLon, (this.lat - lat) * METRES_PER_DEG_LAT];
  }

  toDegrees([x, y]) {
    return [this.lon + x / this.perLon, this.lat - y / METRES_PER_DEG_LAT];
  }
}

export function drawn(name, attributes, parent) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent?.append(element);
  return element;
}
