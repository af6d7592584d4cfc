// Which series a quota counts, in words.
export const measured = ({ type, service, route }) =>
  [type, service ? `of ${service}` : "of all services", route && `by ${route}`]
    .filter(Boolean)
    .join(" ");
